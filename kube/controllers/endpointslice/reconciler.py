"""Packs the endpoints of a service into slices, with as few writes as can be. Pure.

Semantics: Reconciler of staging/src/k8s.io/endpointslice/reconciler.go; KEP-752. A slice that must be written anyway is
filled first; what is left goes into one slice that has room for all of it, else into new ones. Slices are never
rebalanced.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kube.api.helpers.services import is_headless
from kube.api.types.core_v1 import Service
from kube.api.types.discovery_v1 import Endpoint, EndpointSlice
from kube.apimachinery.meta.accessor import owner_reference
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.endpointslice.endpoint import Ports, ports_key

MAX_ENDPOINTS: Final = 100
SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
CONTROLLER: Final = "endpointslice-controller.k8s.io"
HEADLESS: Final = "service.kubernetes.io/headless"
TRIGGER_TIME: Final = "endpoints.kubernetes.io/last-change-trigger-time"
_RESERVED: Final = (SERVICE_NAME, MANAGED_BY, HEADLESS)


class SlicePlan(Struct, frozen=True):
    """What to write. ``create`` have a generateName."""

    create: tuple[EndpointSlice, ...] = ()
    update: tuple[EndpointSlice, ...] = ()
    delete: tuple[EndpointSlice, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.create or self.update or self.delete)


def _identity(endpoint: Endpoint) -> tuple[Any, ...]:
    """What makes two endpoints the same one, whatever their state."""
    target = endpoint.target_ref
    named = (target.namespace, target.name) if target is not None else ()
    return (endpoint.addresses, endpoint.hostname, named)


def slice_labels(service: Service) -> dict[str, str]:
    labels = {key: value for key, value in service.metadata.labels.items() if key not in _RESERVED}
    if is_headless(service) or not service.spec.cluster_ip:
        labels[HEADLESS] = ""
    labels[SERVICE_NAME] = service.metadata.name
    labels[MANAGED_BY] = CONTROLLER
    return labels


def _owned_by(slice_: EndpointSlice, service: Service) -> bool:
    return any(
        owner.uid == service.metadata.uid and owner.kind == "Service" and owner.api_version == "v1"
        for owner in slice_.metadata.owner_references
    )


def new_slice(service: Service, address_type: str, ports: Ports) -> EndpointSlice:
    metadata = ObjectMeta(
        generate_name=f"{service.metadata.name}-",
        namespace=service.metadata.namespace,
        labels=slice_labels(service),
        owner_references=(owner_reference(service),),
    )
    return EndpointSlice(metadata=metadata, address_type=address_type, ports=ports)


class _Packing:
    """The slices of one set of ports."""

    def __init__(self, blank: EndpointSlice, held: Sequence[EndpointSlice], most: int) -> None:
        self._labels = blank.metadata.labels
        self._blank = blank
        self._held = held
        self._most = most
        self.delete: list[EndpointSlice] = []
        self._new: list[list[Endpoint]] = []
        self._changed: dict[str, tuple[EndpointSlice, list[Endpoint]]] = {}
        self._unchanged: dict[str, EndpointSlice] = {}

    def pack(self, desired: dict[tuple[Any, ...], Endpoint]) -> None:
        for slice_ in self._held:
            self._keep(slice_, desired)
        rest = list(desired.values())
        rest.reverse()
        for _, endpoints in sorted(self._changed.values(), key=lambda item: -len(item[1])):
            self._fill(endpoints, rest)
        while rest:
            endpoints = self._slice_to_fill(len(rest))
            self._fill(endpoints, rest)

    @property
    def create(self) -> list[EndpointSlice]:
        return [replace(self._blank, endpoints=tuple(endpoints)) for endpoints in self._new]

    @property
    def update(self) -> list[EndpointSlice]:
        return [
            replace(
                slice_,
                endpoints=tuple(endpoints),
                metadata=replace(slice_.metadata, labels=self._labels),
            )
            for slice_, endpoints in self._changed.values()
        ]

    def _keep(self, slice_: EndpointSlice, desired: dict[tuple[Any, ...], Endpoint]) -> None:
        """Takes from ``desired`` what the slice has already."""
        name = slice_.metadata.name
        kept: list[Endpoint] = []
        changed = False
        for endpoint in slice_.endpoints:
            wanted = desired.pop(_identity(endpoint), None)
            if wanted is None:
                changed = True
                continue
            kept.append(wanted)
            changed = changed or wanted != endpoint
        if changed and not kept:
            self.delete.append(slice_)
        elif changed or slice_.metadata.labels != self._labels:
            self._changed[name] = (slice_, kept)
        else:
            self._unchanged[name] = slice_

    def _fill(self, endpoints: list[Endpoint], rest: list[Endpoint]) -> None:
        while rest and len(endpoints) < self._most:
            endpoints.append(rest.pop())

    def _slice_to_fill(self, count: int) -> list[Endpoint]:
        """The endpoints of the fullest unchanged slice that has room for all, else of a new one."""
        fitting = [s for s in self._unchanged.values() if len(s.endpoints) + count <= self._most]
        if fitting:
            best = max(fitting, key=lambda each: len(each.endpoints))
            del self._unchanged[best.metadata.name]
            endpoints = list(best.endpoints)
            self._changed[best.metadata.name] = (best, endpoints)
            return endpoints
        self._new.append([])
        return self._new[-1]


def plan(
    service: Service,
    address_type: str,
    desired: Mapping[Ports, Iterable[Endpoint]],
    existing: Sequence[EndpointSlice],
    *,
    most: int = MAX_ENDPOINTS,
) -> SlicePlan:
    """``existing``: the slices of this address type. There is always one slice, if an empty one without ports.

    ``desired`` is keyed by the ports in the order in which they are to be written.
    """
    create: list[EndpointSlice] = []
    update: list[EndpointSlice] = []
    delete = [each for each in existing if not _owned_by(each, service)]
    held: dict[Ports, list[EndpointSlice]] = {}
    for each in existing:
        if _owned_by(each, service):
            held.setdefault(ports_key(each.ports), []).append(each)
    for ports, endpoints in desired.items():
        packing = _Packing(new_slice(service, address_type, ports), held.pop(ports_key(ports), ()), most)
        packing.pack({_identity(endpoint): endpoint for endpoint in endpoints})
        create += packing.create
        update += packing.update
        delete += packing.delete
    for slices in held.values():
        delete += slices
    if len(existing) == len(delete) and not create:
        placeholder = new_slice(service, address_type, ())
        if len(delete) == 1 and _same_placeholder(delete[0], placeholder):
            delete = []
        else:
            create.append(placeholder)
    return _reuse(service, create, update, delete)


def _same_placeholder(slice_: EndpointSlice, placeholder: EndpointSlice) -> bool:
    return (
        slice_.metadata.labels == placeholder.metadata.labels
        and slice_.metadata.owner_references == placeholder.metadata.owner_references
        and not slice_.endpoints
        and not slice_.ports
    )


def _reuse(
    service: Service, create: list[EndpointSlice], update: list[EndpointSlice], delete: list[EndpointSlice]
) -> SlicePlan:
    """A slice that would go takes the content of one that would be made. A service that goes gets no new slices."""
    kept = []
    for slice_ in delete:
        if create and _owned_by(slice_, service):
            fresh = create.pop()
            metadata = replace(slice_.metadata, labels=fresh.metadata.labels)
            update.append(replace(slice_, metadata=metadata, endpoints=fresh.endpoints, ports=fresh.ports))
        else:
            kept.append(slice_)
    if service.metadata.deletion_timestamp is not None:
        create = []
    return SlicePlan(tuple(create), tuple(update), tuple(kept))


def with_trigger_time(slice_: EndpointSlice, time: str) -> EndpointSlice:
    """The slice with the annotation, or without one if there is no time."""
    metadata = slice_.metadata
    annotations = {key: value for key, value in metadata.annotations.items() if key != TRIGGER_TIME}
    if time:
        annotations[TRIGGER_TIME] = time
    return replace(slice_, metadata=replace(metadata, annotations=annotations))
