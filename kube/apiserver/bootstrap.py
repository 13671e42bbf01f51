"""What the API server writes at its start, through its own API: system namespaces, default roles, priority classes, and
the Service `kubernetes` that leads to it.

Source of the semantics: upstream's post-start hooks (start-system-namespaces-controller, rbac/bootstrap-roles,
scheduling/bootstrap-system-priority-classes, start-kubernetes-service-controller). All of it may be done again over an
existing store: what is there stays, what is missing is added.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from kube.api.resources import Resource, ResourceTable
from kube.api.types import core_v1, discovery_v1
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import Endpoints, EndpointSubset, Namespace, Service, ServicePort, ServiceSpec
from kube.api.types.discovery_v1 import Endpoint, EndpointConditions, EndpointSlice
from kube.api.types.scheduling_v1 import PriorityClass
from kube.apimachinery.errors import ApiError, is_already_exists, is_conflict, is_not_found
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authorization.default_roles import default_objects, reconcile
from kube.apiserver.endpoints.interface import Backend, ListResult, ObjectResult
from kube.client.interface import Request

NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")

PRIORITY_CLASSES: Final = (
    PriorityClass(
        metadata=ObjectMeta(name="system-node-critical"),
        value=2_000_001_000,
        description="For pods of the system that cannot run elsewhere than on their node.",
    ),
    PriorityClass(
        metadata=ObjectMeta(name="system-cluster-critical"),
        value=2_000_000_000,
        description="For pods of the system that the cluster needs, on whichever node.",
    ),
)
"""Upstream's two classes; their values are the highest there are."""

_ATTEMPTS: Final = 5
_DEFAULT: Final = "default"
_KUBERNETES: Final = "kubernetes"
_PORT_NAME: Final = "https"

Merge = Callable[[Any, Any], Any]
"""From what exists and what is wanted to what it must become; None if it may stay as it is."""


class Bootstrap:
    def __init__(self, backend: Backend, table: ResourceTable, user: UserInfo) -> None:
        """`user`: the server itself, as which everything is written."""
        self._backend = backend
        self._table = table
        self._user = user

    async def namespaces(self) -> None:
        """Raises ApiError."""
        await self._ensure([Namespace(metadata=ObjectMeta(name=name)) for name in NAMESPACES], _keep)

    async def roles(self) -> None:
        """The default roles and bindings; the namespaces must be there. Raises ApiError."""
        await self._ensure(default_objects(), reconcile)

    async def priority_classes(self) -> None:
        """Raises ApiError."""
        await self._ensure(PRIORITY_CLASSES, _keep)

    async def kubernetes_service(self, service_ip: str, address: str, port: int) -> None:
        """The Service, its Endpoints and EndpointSlice: where `address` and `port` are reached. Raises ApiError."""
        await self._ensure([_service(service_ip, port)], _merge_service)
        await self._ensure([_endpoints(address, port), _slice(address, port)], _merge_endpoints)

    async def _ensure(self, wanted: Sequence[Any], merge: Merge) -> None:
        existing = await self._existing(wanted)
        await asyncio.gather(*(self._ensure_one(obj, existing.get(_identity(obj)), merge) for obj in wanted))

    async def _existing(self, wanted: Iterable[Any]) -> dict[tuple[str, str, str], Any]:
        """The objects of the same kinds, by kind, namespace and name."""
        found: dict[tuple[str, str, str], Any] = {}
        for api_version, kind in dict.fromkeys((obj.api_version, obj.kind) for obj in wanted):
            result = await self._call("list", self._row(api_version, kind))
            assert isinstance(result, ListResult)
            found.update((_identity(entry.object), entry.object) for entry in result.entries)
        return found

    async def _ensure_one(self, wanted: Any, existing: Any, merge: Merge) -> None:
        row = self._row(wanted.api_version, wanted.kind)
        namespace, name = wanted.metadata.namespace, wanted.metadata.name
        for _ in range(_ATTEMPTS):
            try:
                if existing is None:
                    await self._call("create", row, namespace, body=wanted)
                    return
                merged = merge(existing, wanted)
                if merged is None:
                    return
                if getattr(merged, "role_ref", None) != getattr(existing, "role_ref", None):
                    await self._call("delete", row, namespace, name)
                    existing = None
                    continue
                await self._call("update", row, namespace, name, body=merged)
                return
            except ApiError as error:
                if not (is_conflict(error) or is_already_exists(error) or is_not_found(error)):
                    raise
                existing = await self._get(row, namespace, name)
        raise RuntimeError(f"{wanted.kind} {name} is changed by somebody else all the time")

    async def _get(self, row: Resource, namespace: str, name: str) -> Any:
        try:
            result = await self._call("get", row, namespace, name)
        except ApiError as error:
            if is_not_found(error):
                return None
            raise
        assert isinstance(result, ObjectResult)
        return result.object

    async def _call(
        self, verb: Any, row: Resource, namespace: str = "", name: str = "", body: Any = None
    ) -> Any:
        request = Request(verb=verb, resource=row, namespace=namespace, name=name, body=body)
        return await self._backend.call(request, self._user, [])

    def _row(self, api_version: str, kind: str) -> Resource:
        row = self._table.by_api_version(api_version, kind)
        if row is None:
            raise LookupError(f"{api_version} {kind} is not served")
        return row


def _identity(obj: Any) -> tuple[str, str, str]:
    return (obj.kind, obj.metadata.namespace, obj.metadata.name)


def _keep(_existing: Any, _wanted: Any) -> None:
    """Whatever exists may stay as it is."""


def _service(service_ip: str, port: int) -> Service:
    return Service(
        metadata=ObjectMeta(
            name=_KUBERNETES,
            namespace=_DEFAULT,
            labels={"component": "apiserver", "provider": "kubernetes"},
        ),
        spec=ServiceSpec(
            type="ClusterIP",
            cluster_ip=service_ip,
            cluster_ips=(service_ip,),
            ports=(ServicePort(name=_PORT_NAME, protocol="TCP", port=443, target_port=port),),
        ),
    )


def _merge_service(existing: Service, wanted: Service) -> Service | None:
    """The ports lead to where the server listens now; the rest stays."""
    ports = tuple(
        replace(port, node_port=old.node_port)
        for port, old in zip(wanted.spec.ports, existing.spec.ports or (ServicePort(),), strict=False)
    )
    return (
        None if existing.spec.ports == ports else replace(existing, spec=replace(existing.spec, ports=ports))
    )


def _endpoints(address: str, port: int) -> Endpoints:
    return Endpoints(
        metadata=ObjectMeta(
            name=_KUBERNETES,
            namespace=_DEFAULT,
            labels={"endpointslice.kubernetes.io/skip-mirror": "true"},
        ),
        subsets=(
            EndpointSubset(
                addresses=(core_v1.EndpointAddress(ip=address),),
                ports=(core_v1.EndpointPort(name=_PORT_NAME, port=port, protocol="TCP"),),
            ),
        ),
    )


def _slice(address: str, port: int) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(
            name=_KUBERNETES,
            namespace=_DEFAULT,
            labels={"kubernetes.io/service-name": _KUBERNETES},
        ),
        address_type="IPv6" if ":" in address else "IPv4",
        endpoints=(Endpoint(addresses=(address,), conditions=EndpointConditions(ready=True)),),
        ports=(discovery_v1.EndpointPort(name=_PORT_NAME, port=port, protocol="TCP"),),
    )


def _merge_endpoints(existing: Any, wanted: Any) -> Any:
    """Only this server is behind the Service: its address takes the place of those that were."""
    if isinstance(wanted, Endpoints):
        return None if existing.subsets == wanted.subsets else replace(existing, subsets=wanted.subsets)
    if (existing.endpoints, existing.ports) == (wanted.endpoints, wanted.ports):
        return None
    return replace(existing, endpoints=wanted.endpoints, ports=wanted.ports)
