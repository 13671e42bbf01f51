"""All controllers by their upstream names, each imported when it is first made."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from msgspec import Struct

from kube.controllers.framework import Controller, Environment

NewController = Callable[[Environment], Controller]


def _lazily(module: str, name: str) -> NewController:
    def make(environment: Environment) -> Controller:
        controller: Controller = getattr(import_module(f"kube.controllers.{module}"), name)(environment)
        return controller

    return make


_HOMES: Final = {
    "daemonset": ("daemonset.controller", "DaemonSetController"),
    "job": ("job.controller", "JobController"),
    "deployment": ("deployment.controller", "DeploymentController"),
    "replicaset": ("replicaset.controller", "replica_set_controller"),
    "replicationcontroller": ("replicaset.controller", "replication_controller"),
    "serviceaccount": ("serviceaccount", "ServiceAccountController"),
    "namespace": ("namespace", "NamespaceController"),
    "nodeipam": ("nodeipam", "NodeIpamController"),
    "endpointslice": ("endpointslice.controller", "EndpointSliceController"),
    "endpoint": ("endpoints", "EndpointController"),
    "garbagecollector": ("garbagecollector.controller", "GarbageCollector"),
    "nodelifecycle": ("nodelifecycle.controller", "NodeLifecycleController"),
    "taint-eviction": ("tainteviction", "TaintEvictionController"),
    "podgc": ("podgc", "PodGarbageCollector"),
}
"""Name to module and maker, in the order in which they start."""

INITIALIZERS: Final[Mapping[str, NewController]] = {name: _lazily(*home) for name, home in _HOMES.items()}


class Settings(Struct, frozen=True, kw_only=True):
    """The flags of kube-controller-manager that some controller reads. Periods are seconds.

    ``root_ca``: the PEM that clients inside the cluster trust. ``cluster_cidr`` is divided into ranges of ``node_mask`` bits.
    """

    root_ca: str
    cluster_cidr: str = "10.244.0.0/16"
    node_mask: int = 24
    node_monitor_period: float = 5.0
    node_monitor_grace_period: float = 50.0
    node_eviction_rate: float = 0.1
    """Nodes per second and zone."""


def import_all() -> None:
    """Import every controller now, not while a loop waits for its start."""
    for module in (*(module for module, _ in _HOMES.values()), "root_ca_certificate_publisher"):
        import_module(f"kube.controllers.{module}")


def initializers(settings: Settings) -> dict[str, NewController]:
    """All controllers, with their settings filled in."""
    return {
        **INITIALIZERS,
        "root-ca-certificate-publisher": _configured(
            "root_ca_certificate_publisher", "RootCACertificatePublisher", settings, _root_ca
        ),
        "nodeipam": _configured("nodeipam", "NodeIpamController", settings, _node_ipam),
        "nodelifecycle": _configured(
            "nodelifecycle.controller", "NodeLifecycleController", settings, _node_lifecycle
        ),
    }


def _configured(
    module: str, name: str, settings: Settings, argument: Callable[[Any, Settings], Any]
) -> NewController:
    def make(environment: Environment) -> Controller:
        imported = import_module(f"kube.controllers.{module}")
        controller: Controller = getattr(imported, name)(environment, argument(imported, settings))
        return controller

    return make


def _root_ca(_module: Any, settings: Settings) -> str:
    return settings.root_ca


def _node_ipam(module: Any, settings: Settings) -> Any:
    return module.NodeIpamConfig(((settings.cluster_cidr, settings.node_mask),))


def _node_lifecycle(module: Any, settings: Settings) -> Any:
    return module.NodeLifecycleConfig(
        monitor_period=settings.node_monitor_period,
        monitor_grace_period=settings.node_monitor_grace_period,
        startup_grace_period=max(60.0, settings.node_monitor_grace_period),
        rates=import_module("kube.controllers.nodelifecycle.zones").Rates(normal=settings.node_eviction_rate),
    )
