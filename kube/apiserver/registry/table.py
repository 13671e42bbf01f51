"""What serves each resource: its strategy, its storage, its subresources.

``STRATEGIES`` and ``PARTS`` say what is special; every other stored resource of the resource table has the generic
strategy, and ``status`` and ``scale`` where its row has them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from kube.api.resources import Resource
from kube.api.types.core_v1 import ComponentStatus
from kube.apiserver.registry.certificates import (
    CertificateStatusStrategy,
    CertificateStrategy,
    approval_rest,
)
from kube.apiserver.registry.component_status import ComponentStatuses
from kube.apiserver.registry.definitions import DefinitionStrategy
from kube.apiserver.registry.escalation import GROUP as RBAC
from kube.apiserver.registry.escalation import BindingStore, EscalationGuard, GuardedStore, RoleStore
from kube.apiserver.registry.jobs import CronJobStrategy, JobStore, JobStrategy
from kube.apiserver.registry.namespaces import (
    FinalizeRest,
    NamespaceStatusStrategy,
    NamespaceStore,
    NamespaceStrategy,
)
from kube.apiserver.registry.nodes import NodeStrategy
from kube.apiserver.registry.pod_binding import BindingRest, LegacyBindingRest
from kube.apiserver.registry.pod_eviction import EvictionRest
from kube.apiserver.registry.pods import (
    EphemeralContainersStrategy,
    PodStatusStrategy,
    PodStrategy,
    ResizeStrategy,
)
from kube.apiserver.registry.rest import Registry, Resources
from kube.apiserver.registry.selection import FieldGetter, field_getter
from kube.apiserver.registry.service_allocation import ServiceAllocator, ServiceRange
from kube.apiserver.registry.services import ServiceStrategy
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import StatusStrategy, Strategy
from kube.apiserver.registry.subresources import ScaleRest, StatusRest
from kube.apiserver.registry.traits import (
    CreatedByUpdateStrategy,
    EventStrategy,
    VersionedOrCreatedStrategy,
    VersionedStrategy,
)
from kube.apiserver.registry.volumes import ClaimStrategy, VolumeStatusStrategy, VolumeStrategy
from kube.apiserver.registry.workloads import (
    ControllerStrategy,
    DaemonSetStrategy,
    DeploymentStrategy,
    ReplicaSetStrategy,
    StatefulSetStrategy,
)
from kube.apiserver.storage.interface import Storage

Name = tuple[str, str]
"""Group and plural."""

MakeStorage = Callable[[Resource, Mapping[str, FieldGetter]], Storage]
"""The storage of a resource's storage version, with the fields that its watch cache keeps an index of."""


class MakeStatusStrategy(Protocol):
    def __call__(self, parent: Strategy, /) -> StatusStrategy: ...


STRATEGIES: Final[Mapping[Name, type[Strategy]]] = {
    ("", "endpoints"): CreatedByUpdateStrategy,
    ("", "events"): EventStrategy,
    ("", "limitranges"): CreatedByUpdateStrategy,
    ("", "namespaces"): NamespaceStrategy,
    ("", "nodes"): NodeStrategy,
    ("", "persistentvolumeclaims"): ClaimStrategy,
    ("", "persistentvolumes"): VolumeStrategy,
    ("", "pods"): PodStrategy,
    ("", "podtemplates"): CreatedByUpdateStrategy,
    ("", "replicationcontrollers"): ControllerStrategy,
    ("apiextensions.k8s.io", "customresourcedefinitions"): DefinitionStrategy,
    ("apps", "daemonsets"): DaemonSetStrategy,
    ("apps", "deployments"): DeploymentStrategy,
    ("apps", "replicasets"): ReplicaSetStrategy,
    ("apps", "statefulsets"): StatefulSetStrategy,
    ("batch", "cronjobs"): CronJobStrategy,
    ("batch", "jobs"): JobStrategy,
    ("certificates.k8s.io", "certificatesigningrequests"): CertificateStrategy,
    ("coordination.k8s.io", "leases"): VersionedOrCreatedStrategy,
    ("node.k8s.io", "runtimeclasses"): VersionedOrCreatedStrategy,
    (RBAC, "clusterrolebindings"): CreatedByUpdateStrategy,
    (RBAC, "clusterroles"): CreatedByUpdateStrategy,
    (RBAC, "rolebindings"): CreatedByUpdateStrategy,
    (RBAC, "roles"): CreatedByUpdateStrategy,
    **dict.fromkeys(
        (
            ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
            ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
            ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
            ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
            ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
            ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
            ("apiregistration.k8s.io", "apiservices"),
            ("certificates.k8s.io", "clustertrustbundles"),
            ("policy", "poddisruptionbudgets"),
            ("storage.k8s.io", "csidrivers"),
            ("storage.k8s.io", "csinodes"),
            ("storage.k8s.io", "csistoragecapacities"),
            ("storage.k8s.io", "volumeattachments"),
            ("storagemigration.k8s.io", "storageversionmigrations"),
        ),
        VersionedStrategy,
    ),
}

STATUS_STRATEGIES: Final[Mapping[Name, MakeStatusStrategy]] = {
    ("", "namespaces"): NamespaceStatusStrategy,
    ("", "persistentvolumes"): VolumeStatusStrategy,
    ("", "pods"): PodStatusStrategy,
    ("certificates.k8s.io", "certificatesigningrequests"): CertificateStatusStrategy,
}

STORES: Final[Mapping[Name, type[Store]]] = {
    ("", "namespaces"): NamespaceStore,
    ("batch", "jobs"): JobStore,
    (RBAC, "clusterrolebindings"): BindingStore,
    (RBAC, "clusterroles"): RoleStore,
    (RBAC, "rolebindings"): BindingStore,
    (RBAC, "roles"): RoleStore,
}


class Served(msgspec.Struct, frozen=True):
    """What ``install`` has made: the stores by group and plural, and the allocator of services."""

    stores: Mapping[Name, Store]
    services: ServiceAllocator


def _make_store(strategy: Strategy, make_storage: MakeStorage) -> Store:
    row = strategy.resource
    fields = {label: field_getter(row, row.type, label) for label in strategy.indexed_fields}
    store = STORES.get((row.group, row.plural), Store)
    return store(strategy, make_storage(row, fields))


def _common_subresources(store: Store) -> dict[str, Any]:
    row = store.resource
    found: dict[str, Any] = {}
    if row.subresource("status") is not None:
        make = STATUS_STRATEGIES.get((row.group, row.plural), StatusStrategy)
        found["status"] = StatusRest(store, make(store.strategy))
    if row.subresource("scale") is not None:
        found["scale"] = ScaleRest(store)
    return found


def install(
    registry: Registry,
    make_storage: MakeStorage,
    *,
    reviews: Mapping[Name, Any],
    connections: Mapping[tuple[str, str, str], Any] | None = None,
    components: Callable[[], Sequence[ComponentStatus]] = tuple,
    service_range: ServiceRange | None = None,
    guard: EscalationGuard | None = None,
) -> Served:
    """Serve every resource of the registry's table.

    ``reviews`` are the REST objects of the review kinds; ``connections`` those of further subresources (``exec``, ``log``,
    ``proxy``, ``token``) by group, plural and name; one that is left out answers 404.
    ``components`` tells what componentstatuses shows. Without a ``guard`` nobody is kept from handing out rights.
    Raises LookupError for a resource that nothing serves.
    """
    services = ServiceAllocator(service_range or ServiceRange())
    stores: dict[Name, Store] = {}
    subresources: dict[Name, dict[str, Any]] = {}
    for row in registry.table.storages():
        name = (row.group, row.plural)
        strategy: Strategy
        if name == ("", "services"):
            strategy = ServiceStrategy(row, services)
        else:
            strategy = STRATEGIES.get(name, Strategy)(row)
        stores[name] = _make_store(strategy, make_storage)
        subresources[name] = _common_subresources(stores[name])
    services.follow(stores["", "services"].storage)
    _add_own_parts(stores, subresources)
    set_guard(stores, guard)
    for (group, plural, subresource), rest in (connections or {}).items():
        subresources[group, plural][subresource] = rest
    for name, store in stores.items():
        registry.install(
            Resources(
                resource=store.resource, rest=store, subresources=subresources[name], strategy=store.strategy
            )
        )
    computed = {
        **reviews,
        ("", "bindings"): LegacyBindingRest(stores["", "pods"]),
        ("", "componentstatuses"): ComponentStatuses(components),
    }
    for row in registry.table:
        if not row.stored:
            found = computed.get((row.group, row.plural))
            if found is None:
                raise LookupError(f"nothing serves {row.group_resource} {row.version}")
            registry.install(Resources(resource=row, rest=found))
    return Served(stores, services)


def _add_own_parts(stores: Mapping[Name, Store], subresources: Mapping[Name, dict[str, Any]]) -> None:
    pods = stores["", "pods"]
    subresources["", "pods"].update(
        binding=BindingRest(pods),
        eviction=EvictionRest(pods, stores["policy", "poddisruptionbudgets"]),
        ephemeralcontainers=StatusRest(pods, EphemeralContainersStrategy(pods.strategy)),
        resize=StatusRest(pods, ResizeStrategy(pods.strategy)),
    )
    subresources["", "namespaces"]["finalize"] = FinalizeRest(stores["", "namespaces"])
    requests = stores["certificates.k8s.io", "certificatesigningrequests"]
    subresources["certificates.k8s.io", "certificatesigningrequests"]["approval"] = approval_rest(requests)


def set_guard(stores: Mapping[Name, Store], guard: EscalationGuard | None) -> None:
    """Have a guard confirm what is written to roles and bindings."""
    for store in stores.values():
        if isinstance(store, GuardedStore):
            store.guard = guard
        if isinstance(store, BindingStore):
            store.roles = stores[RBAC, "roles"]
            store.cluster_roles = stores[RBAC, "clusterroles"]
