"""The plug-ins of a server in upstream's order (pkg/kubeapiserver/options/plugins.go)."""

from collections.abc import Collection
from typing import Any, Final

from kube.apiserver.admission.chain import Chain
from kube.apiserver.admission.plugins.default_toleration_seconds import DefaultTolerationSeconds
from kube.apiserver.admission.plugins.defaults_by_class import (
    DefaultIngressClass,
    DefaultStorageClass,
    StorageObjectInUseProtection,
)
from kube.apiserver.admission.plugins.limit_ranger import LimitRanger
from kube.apiserver.admission.plugins.lookup import Stores
from kube.apiserver.admission.plugins.namespace_lifecycle import NamespaceLifecycle
from kube.apiserver.admission.plugins.nodes import PodTopologyLabels, TaintNodesByCondition
from kube.apiserver.admission.plugins.pod_security import PodSecurity
from kube.apiserver.admission.plugins.priority import Priority
from kube.apiserver.admission.plugins.resource_quota import ResourceQuotaAdmission
from kube.apiserver.admission.plugins.runtime_class import RuntimeClassAdmission
from kube.apiserver.admission.plugins.service_account import ServiceAccountAdmission
from kube.base.chance import Chance
from kube.base.clock import Clock

OFF_BY_DEFAULT: Final = frozenset(("StorageObjectInUseProtection",))
"""Its finalizers are taken away by the protection controllers; without these nothing that has them would ever go."""


def default_chain(
    stores: Stores,
    *,
    clock: Clock,
    chance: Chance,
    enable: Collection[str] = (),
    disable: Collection[str] = (),
) -> Chain:
    """The chain over the stores that ``registry.table.install`` has made.

    ``enable`` and ``disable``: ``--enable-admission-plugins`` and ``--disable-admission-plugins``.
    Raises ValueError for a name that no plug-in has.
    """
    plugins: tuple[Any, ...] = (
        NamespaceLifecycle(stores),
        LimitRanger(stores),
        ServiceAccountAdmission(stores, clock, chance),
        TaintNodesByCondition(),
        PodSecurity(stores),
        Priority(stores),
        DefaultTolerationSeconds(),
        DefaultStorageClass(stores),
        StorageObjectInUseProtection(),
        RuntimeClassAdmission(stores),
        DefaultIngressClass(stores),
        PodTopologyLabels(stores),
        ResourceQuotaAdmission(stores),
    )
    names = {plugin.name for plugin in plugins}
    for name in (*enable, *disable):
        if name not in names:
            raise ValueError(f'admission-control plugin "{name}" is unknown')
    off = (OFF_BY_DEFAULT - set(enable)) | set(disable)
    served = [plugin for plugin in plugins if plugin.name not in off]
    return Chain(
        [plugin for plugin in served if hasattr(plugin, "admit")],
        [plugin for plugin in served if hasattr(plugin, "validate")],
    )
