"""A whole Kubernetes in one asyncio process: ``from kube import Cluster, Client``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kube.actors.cluster import Cluster as Cluster
    from kube.client.client import Client as Client

__all__ = ["Client", "Cluster"]

_HOMES = {"Cluster": "kube.actors.cluster", "Client": "kube.client.client"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: importing the package stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
