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


INITIALIZERS: Final[Mapping[str, NewController]] = {
    "daemonset": _lazily("daemonset.controller", "DaemonSetController"),
    "job": _lazily("job.controller", "JobController"),
    "deployment": _lazily("deployment.controller", "DeploymentController"),
    "replicaset": _lazily("replicaset.controller", "replica_set_controller"),
    "replicationcontroller": _lazily("replicaset.controller", "replication_controller"),
    "serviceaccount": _lazily("serviceaccount", "ServiceAccountController"),
    "namespace": _lazily("namespace", "NamespaceController"),
    "nodeipam": _lazily("nodeipam", "NodeIpamController"),
    "endpointslice": _lazily("endpointslice.controller", "EndpointSliceController"),
    "endpoint": _lazily("endpoints", "EndpointController"),
    "garbagecollector": _lazily("garbagecollector.controller", "GarbageCollector"),
    "nodelifecycle": _lazily("nodelifecycle.controller", "NodeLifecycleController"),
    "taint-eviction": _lazily("tainteviction", "TaintEvictionController"),
    "podgc": _lazily("podgc", "PodGarbageCollector"),
}
"""In the order in which they start."""


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
