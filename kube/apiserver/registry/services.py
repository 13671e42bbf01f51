# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Services: cluster IPs and node ports as they come, change with the type, and go.

The cluster has one IP family, IPv4. Source of the semantics: pkg/registry/core/service (strategy.go, storage/alloc.go,
storage/storage.go); the page "Service"; KEP-563 (IP families).
"""

from typing import Any, ClassVar, Final

from msgspec.structs import replace

from kube.api.helpers.services import (
    CLUSTER_IP_NONE,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    is_headless,
    needs_health_check,
)
from kube.api.resources import Resource
from kube.api.types.core_v1 import Service, ServicePort, ServiceSpec
from kube.apimachinery.errors import ApiError, internal_error
from kube.apimachinery.errors import invalid as invalid_object
from kube.apimachinery.field import FieldError, Path, invalid
from kube.apimachinery.meta.v1 import DeleteOptions
from kube.apiserver.registry.service_allocation import (
    AllocationError,
    Operation,
    ServiceAllocator,
    cluster_ips,
    node_ports,
)
from kube.apiserver.registry.service_families import with_families
from kube.apiserver.registry.strategy import Context, Strategy, Transaction

_PORTS: Final = Path("spec").child("ports")
_CLUSTER_IPS: Final = Path("spec").child("clusterIPs")


class ServiceStrategy(Strategy):
    allow_create_on_update: ClassVar[bool] = True

    def __init__(self, resource: Resource, allocator: ServiceAllocator) -> None:
        super().__init__(resource)
        self._allocator = allocator

    async def begin_create(self, ctx: Context, obj: Service) -> tuple[Service, Transaction | None]:
        """Raises ApiError: 422 for a value that is taken or out of range."""
        await self._allocator.load(ctx.now)
        spec = with_families(_normalized(obj.spec), None, obj.metadata.name)
        operation = self._allocator.operation(ctx.chance, ctx.now)
        try:
            spec = _with_cluster_ip(spec, operation, obj.metadata.name)
            spec = _with_new_ports(spec, operation, obj.metadata.name)
            spec = _with_health_port(spec, None, operation)
        except BaseException:
            operation.undo()
            raise
        return replace(obj, spec=spec), operation

    async def begin_update(
        self, ctx: Context, new: Service, old: Service
    ) -> tuple[Service, Transaction | None]:
        await self._allocator.load(ctx.now)
        name = new.metadata.name
        spec = _normalized_update(_with_known_values(new.spec, old.spec), old.spec)
        spec = with_families(spec, old.spec, name)
        operation = self._allocator.operation(ctx.chance, ctx.now)
        try:
            spec = _with_changed_ip(spec, old, operation, name)
            spec = _with_changed_ports(spec, old.spec, operation, name)
            spec = _with_health_port(spec, old.spec, operation)
        except BaseException:
            operation.undo()
            raise
        kept = {port.node_port for port in spec.ports} | {spec.health_check_node_port}
        dropped = _without_type_dependent_fields(spec, old.spec)
        if dropped is not spec:
            kept = {port.node_port for port in dropped.ports} | {dropped.health_check_node_port}
        operation.release_ports(port for port in node_ports(old) if port not in kept)
        return replace(new, spec=spec), operation

    def prepare_for_update(self, ctx: Context, new: Service, old: Service) -> Service:
        new = super().prepare_for_update(ctx, new, old)
        spec = _without_type_dependent_fields(new.spec, old.spec)
        return new if spec is new.spec else replace(new, spec=spec)

    async def after_delete(self, ctx: Context, obj: Service, options: DeleteOptions) -> None:
        operation = self._allocator.operation(ctx.chance, ctx.now)
        operation.release_ips(cluster_ips(obj))
        operation.release_ports(node_ports(obj))
        await operation.commit()


def _refuse(name: str, error: FieldError) -> ApiError:
    return invalid_object("Service", name, [error])


def _needs_cluster_ip(spec: ServiceSpec) -> bool:
    return spec.type != EXTERNAL_NAME


def _needs_node_port(spec: ServiceSpec) -> bool:
    if spec.type == NODE_PORT:
        return True
    return spec.type == LOAD_BALANCER and spec.allocate_load_balancer_node_ports is not False


def _has_node_ports(spec: ServiceSpec) -> bool:
    return spec.type in (NODE_PORT, LOAD_BALANCER)


def _needs_health_port(spec: ServiceSpec) -> bool:
    return needs_health_check(Service(spec=spec))


# clusterIP and clusterIPs say the same


def _normalized(spec: ServiceSpec) -> ServiceSpec:
    if spec.cluster_ip and not spec.cluster_ips:
        return replace(spec, cluster_ips=(spec.cluster_ip,))
    return spec


def _normalized_update(new: ServiceSpec, old: ServiceSpec) -> ServiceSpec:
    """A client that knows only clusterIP has changed the other with it."""
    if new.cluster_ip == old.cluster_ip:
        return new
    if old.cluster_ip and not new.cluster_ip:
        return replace(new, cluster_ips=()) if new.cluster_ips == old.cluster_ips else new
    if new.cluster_ips == old.cluster_ips:
        return replace(new, cluster_ips=(new.cluster_ip,))
    return new


def _with_known_values(new: ServiceSpec, old: ServiceSpec) -> ServiceSpec:
    """What an update leaves out and the server has given before."""
    changes: dict[str, Any] = {}
    if _needs_cluster_ip(old) and _needs_cluster_ip(new):
        ip = new.cluster_ip or old.cluster_ip
        changes["cluster_ip"] = ip
        if not new.cluster_ips and ip == old.cluster_ip:
            changes["cluster_ips"] = old.cluster_ips
    if _needs_node_port(old) and _needs_node_port(new):
        changes["ports"] = _with_known_ports(new.ports, old.ports)
    if _needs_health_port(old) and _needs_health_port(new) and not new.health_check_node_port:
        changes["health_check_node_port"] = old.health_check_node_port
    return replace(new, **changes)


def _with_known_ports(new: tuple[ServicePort, ...], old: tuple[ServicePort, ...]) -> tuple[ServicePort, ...]:
    asked = {port.node_port for port in new}
    used = {port.node_port for port in old if port.node_port in asked}
    known = {port.name: port.node_port for port in old}
    ports = []
    for port in new:
        held = known.get(port.name, 0)
        if not port.node_port and held and held not in used:
            port = replace(port, node_port=held)  # noqa: PLW2901  # the same port, completed
            used.add(held)
        ports.append(port)
    return tuple(ports)


# cluster IPs


def _with_cluster_ip(spec: ServiceSpec, operation: Operation, name: str) -> ServiceSpec:
    if not _needs_cluster_ip(spec) or spec.cluster_ips[:1] == (CLUSTER_IP_NONE,):
        return spec
    if not spec.cluster_ips:
        try:
            ip = operation.next_ip()
        except AllocationError as error:
            raise internal_error(f"failed to allocate a serviceIP: {error}") from None
        return replace(spec, cluster_ip=ip, cluster_ips=(ip,))
    ip = spec.cluster_ips[0]
    try:
        operation.take_ip(ip)
    except AllocationError as error:
        why = f"failed to allocate IP {ip}: {error}"
        raise _refuse(name, invalid(_CLUSTER_IPS, spec.cluster_ips, why)) from None
    return spec


def _with_changed_ip(spec: ServiceSpec, old: Service, operation: Operation, name: str) -> ServiceSpec:
    if not _needs_cluster_ip(old.spec):
        return _with_cluster_ip(spec, operation, name)
    if not is_headless(old) and not _needs_cluster_ip(spec):
        operation.release_ips(cluster_ips(old))
    return spec


# node ports


def _take_port(port: int, at: int, operation: Operation, name: str) -> None:
    try:
        operation.take_port(port)
    except AllocationError as error:
        raise _refuse(name, invalid(_PORTS.index(at).child("nodePort"), port, str(error))) from None


def _next_port(operation: Operation) -> int:
    try:
        return operation.next_port()
    except AllocationError as error:
        raise internal_error(f"failed to allocate a nodePort: {error}") from None


def _with_new_ports(spec: ServiceSpec, operation: Operation, name: str) -> ServiceSpec:
    """Ports with the same number share a node port, whatever their protocols."""
    if not _has_node_ports(spec):
        return spec
    given: dict[int, int] = {}
    ports: list[ServicePort] = []
    for at, port in enumerate(spec.ports):
        node_port = port.node_port
        if not node_port and not _needs_node_port(spec):
            ports.append(port)
            continue
        shared = given.get(port.port, 0)
        if not shared:
            node_port = next(
                (each.node_port for each in spec.ports if each.port == port.port and each.node_port), 0
            )
            if node_port:
                _take_port(node_port, at, operation, name)
            else:
                node_port = _next_port(operation)
            given[port.port] = node_port
        elif not node_port:
            node_port = shared
        elif node_port != shared:
            _take_port(node_port, at, operation, name)
        ports.append(port if port.node_port == node_port else replace(port, node_port=node_port))
    return replace(spec, ports=tuple(ports))


def _with_changed_ports(spec: ServiceSpec, old: ServiceSpec, operation: Operation, name: str) -> ServiceSpec:
    if not _has_node_ports(spec):
        return spec
    held = {port.node_port for port in old.ports}
    ports: list[ServicePort] = []
    for at, port in enumerate(spec.ports):
        node_port = port.node_port
        if node_port and node_port not in held:
            _take_port(node_port, at, operation, name)
            held.add(node_port)
        elif not node_port and _needs_node_port(spec):
            node_port = _next_port(operation)
        ports.append(port if port.node_port == node_port else replace(port, node_port=node_port))
    return replace(spec, ports=tuple(ports))


def _with_health_port(spec: ServiceSpec, old: ServiceSpec | None, operation: Operation) -> ServiceSpec:
    if not _needs_health_port(spec) or (old is not None and _needs_health_port(old)):
        return spec
    asked = spec.health_check_node_port
    if asked:
        try:
            operation.take_port(asked)
        except AllocationError as error:
            raise internal_error(
                f"failed to allocate requested HealthCheck NodePort {asked}: {error}"
            ) from None
        return spec
    try:
        return replace(spec, health_check_node_port=operation.next_port())
    except AllocationError as error:
        raise internal_error(f"failed to allocate a HealthCheck NodePort 0: {error}") from None


# what a change of the type leaves behind


def _without_type_dependent_fields(new: ServiceSpec, old: ServiceSpec) -> ServiceSpec:
    """Drop what the old type has needed, the new one does not, and the client has not touched."""
    if new.type == old.type and new.external_traffic_policy == old.external_traffic_policy:
        return new
    changes: dict[str, Any] = {}
    if _needs_cluster_ip(old) and not _needs_cluster_ip(new):
        if new.cluster_ip == old.cluster_ip and new.cluster_ips == old.cluster_ips:
            changes |= {"cluster_ip": "", "cluster_ips": ()}
        if new.ip_families == old.ip_families:
            changes["ip_families"] = ()
        if new.ip_family_policy == old.ip_family_policy:
            changes["ip_family_policy"] = None
        if new.internal_traffic_policy == old.internal_traffic_policy:
            changes["internal_traffic_policy"] = None
    if _needs_node_port(old) and not _has_node_ports(new) and _same_node_ports(new, old):
        changes["ports"] = tuple(replace(port, node_port=0) if port.node_port else port for port in new.ports)
    if (
        _needs_health_port(old)
        and not _needs_health_port(new)
        and new.health_check_node_port == old.health_check_node_port
    ):
        changes["health_check_node_port"] = 0
    changes |= _balancer_fields(new, old)
    return replace(new, **changes) if changes else new


def _same_node_ports(new: ServiceSpec, old: ServiceSpec) -> bool:
    """Whether the update asks for no node port that the old service does not have."""
    held = {port.node_port for port in old.ports}
    return all(port.node_port in held for port in new.ports if port.node_port)


def _balancer_fields(new: ServiceSpec, old: ServiceSpec) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if old.type == LOAD_BALANCER != new.type:
        for name in ("allocate_load_balancer_node_ports", "load_balancer_class"):
            if getattr(new, name) is not None and getattr(new, name) == getattr(old, name):
                changes[name] = None
    outside = _has_node_ports(new) or bool(new.external_ips)
    if (
        old.external_traffic_policy
        and not outside
        and new.external_traffic_policy == old.external_traffic_policy
    ):
        changes["external_traffic_policy"] = ""
    return changes
