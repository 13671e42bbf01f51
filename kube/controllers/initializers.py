"""All controllers by their upstream names, each imported when it is first made."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final

from kube.controllers.framework import Controller, Environment

NewController = Callable[[Environment], Controller]


def _lazily(module: str, name: str) -> NewController:
    def make(environment: Environment) -> Controller:
        controller: Controller = getattr(import_module(f"kube.controllers.{module}"), name)(environment)
        return controller

    return make


INITIALIZERS: Final[Mapping[str, NewController]] = {
    "deployment": _lazily("deployment.controller", "DeploymentController"),
    "replicaset": _lazily("replicaset.controller", "replica_set_controller"),
    "replicationcontroller": _lazily("replicaset.controller", "replication_controller"),
    "serviceaccount": _lazily("serviceaccount", "ServiceAccountController"),
    "namespace": _lazily("namespace", "NamespaceController"),
    "nodeipam": _lazily("nodeipam", "NodeIpamController"),
}
"""In the order in which they start."""
