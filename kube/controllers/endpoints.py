"""Keeps the Endpoints of services with a selector: the older form of EndpointSlices, up to 1,000 addresses.

Semantics: pkg/controller/endpoint, pkg/api/v1/endpoints (subsets); KEP-4974.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.pods import is_pod_ready
from kube.api.helpers.services import is_headless
from kube.api.types.core_v1 import (
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    ObjectReference,
    Pod,
    Service,
)
from kube.apimachinery.errors import ApiError, is_not_found
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client.events import WARNING
from kube.client.keys import split_meta_namespace_key
from kube.client.lister import Lister
from kube.controllers.endpointslice.endpoint import address_types, addresses_of, endpoint_ports
from kube.controllers.endpointslice.membership import (
    TriggerTimes,
    has_endpoints,
    hostname_of,
    pod_watch,
    pods_of,
    rest_after,
    service_watch,
    should_pod_be_in_endpoints,
)
from kube.controllers.endpointslice.reconciler import HEADLESS, TRIGGER_TIME
from kube.controllers.framework import Environment, Result, Watch, own_key
from kube.controllers.serviceaccount import NAMESPACE_TERMINATING

MAX_CAPACITY: Final = 1000
OVER_CAPACITY: Final = "endpoints.kubernetes.io/over-capacity"
TRUNCATED: Final = "truncated"
MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
CONTROLLER: Final = "endpoint-controller"

Address = tuple[str, str]
"""IP and uid of the target: pods of the host network share addresses."""


def address_of(pod: Pod, service: Service) -> EndpointAddress | None:
    """The pod's address in the service's primary family."""
    addresses = addresses_of(pod, address_types(service)[0])
    if not addresses:
        return None
    metadata = pod.metadata
    return EndpointAddress(
        ip=addresses[0],
        hostname=hostname_of(pod, service),
        node_name=pod.spec.node_name or None,
        target_ref=ObjectReference(
            kind="Pod", namespace=metadata.namespace, name=metadata.name, uid=metadata.uid
        ),
    )


def subsets_of(service: Service, pods: Iterable[Pod]) -> tuple[EndpointSubset, ...]:
    """Ports that the same addresses have are one subset; sorted, so that equal content is equal."""
    publish = service.spec.publish_not_ready_addresses
    addresses: dict[Address, EndpointAddress] = {}
    by_port: dict[EndpointPort | None, dict[Address, bool]] = {}
    for pod in pods:
        if not should_pod_be_in_endpoints(pod, include_terminating=publish):
            continue
        address = address_of(pod, service)
        if address is None:
            continue
        ready = publish or is_pod_ready(pod)
        key = (address.ip, pod.metadata.uid)
        addresses[key] = address
        for port in _ports_of(service, pod):
            by_port.setdefault(port, {})[key] = ready
    return tuple(_subset(addresses, ready, ports) for ready, ports in _grouped(by_port))


def _ports_of(service: Service, pod: Pod) -> Iterable[EndpointPort | None]:
    """None stands for the absence of ports, which a headless service may have."""
    if not service.spec.ports:
        return (None,) if is_headless(service) else ()
    return [
        EndpointPort(
            name=port.name or "",
            port=port.port or 0,
            protocol=port.protocol or "",
            app_protocol=port.app_protocol,
        )
        for port in endpoint_ports(service, pod)
    ]


def _port_order(port: EndpointPort) -> tuple[str, int, str]:
    return (port.name, port.port, port.protocol)


def _grouped(
    by_port: Mapping[EndpointPort | None, Mapping[Address, bool]],
) -> list[tuple[Mapping[Address, bool], tuple[EndpointPort, ...]]]:
    """Whether each address is ready, and the ports that it is for."""
    groups: dict[frozenset[Address], tuple[Mapping[Address, bool], list[EndpointPort]]] = {}
    for port, ready in by_port.items():
        group = groups.setdefault(frozenset(ready), (ready, []))
        if port is not None:
            group[1].append(port)
    found = [(ready, tuple(sorted(ports, key=_port_order))) for ready, ports in groups.values()]
    return sorted(found, key=lambda group: ([_port_order(port) for port in group[1]], min(group[0])))


def _subset(
    addresses: Mapping[Address, EndpointAddress],
    ready: Mapping[Address, bool],
    ports: tuple[EndpointPort, ...],
) -> EndpointSubset:
    order = sorted(ready)
    return EndpointSubset(
        addresses=tuple(addresses[key] for key in order if ready[key]),
        not_ready_addresses=tuple(addresses[key] for key in order if not ready[key]),
        ports=ports,
    )


def truncated(
    subsets: tuple[EndpointSubset, ...], most: int = MAX_CAPACITY
) -> tuple[tuple[EndpointSubset, ...], bool]:
    """At most so many addresses, ready ones first, each subset with its share; and whether any were left out."""
    ready = sum(len(subset.addresses) for subset in subsets)
    not_ready = sum(len(subset.not_ready_addresses) for subset in subsets)
    if ready + not_ready <= most:
        return subsets, False
    if ready > most:
        shares = _shares([len(subset.addresses) for subset in subsets], most)
        return tuple(
            replace(subset, addresses=subset.addresses[:share], not_ready_addresses=())
            for subset, share in zip(subsets, shares, strict=True)
        ), True
    shares = _shares([len(subset.not_ready_addresses) for subset in subsets], most - ready)
    return tuple(
        replace(subset, not_ready_addresses=subset.not_ready_addresses[:share])
        for subset, share in zip(subsets, shares, strict=True)
    ), True


def _shares(sizes: Sequence[int], most: int) -> list[int]:
    """In proportion, rounded up as long as there is room."""
    left, total = most, sum(sizes)
    shares = []
    for size in sizes:
        share = min(ceil(size / total * most), left, size)
        shares.append(share)
        left -= share
    return shares


def endpoints_labels(service: Service) -> dict[str, str]:
    labels = {**service.metadata.labels, MANAGED_BY: CONTROLLER}
    labels.pop(HEADLESS, None)
    if is_headless(service) or not service.spec.cluster_ip:
        labels[HEADLESS] = ""
    return labels


def wanted_endpoints(
    service: Service, pods: Iterable[Pod], held: Endpoints | None, trigger_time: str
) -> Endpoints | None:
    """What to write; None where what is there is right already."""
    subsets, over = truncated(subsets_of(service, pods))
    labels = endpoints_labels(service)
    if held is None:
        metadata = ObjectMeta(name=service.metadata.name, namespace=service.metadata.namespace)
        held = Endpoints(metadata=metadata)
    elif (
        held.subsets == subsets
        and held.metadata.labels == labels
        and (held.metadata.annotations.get(OVER_CAPACITY) == TRUNCATED) == over
    ):
        return None
    ours = {TRIGGER_TIME: trigger_time, OVER_CAPACITY: TRUNCATED if over else ""}
    annotations = {key: value for key, value in held.metadata.annotations.items() if key not in ours}
    annotations.update((key, value) for key, value in ours.items() if value)
    metadata = replace(held.metadata, labels=labels, annotations=annotations)
    return replace(held, metadata=metadata, subsets=subsets)


class EndpointController:
    """One key is ``namespace/name`` of a service, and of its Endpoints."""

    name = "endpoint"
    workers = 5

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._client = environment.client
        self._services: Lister[Service] = environment.listers.lister(Service)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._endpoints: Lister[Endpoints] = environment.listers.lister(Endpoints)
        self._trigger_times = TriggerTimes()
        self._rests: dict[str, tuple[float, Service]] = {}
        self._written: dict[str, Endpoints] = {}
        """What was written and has not come back through the cache yet."""

    def watches(self) -> Sequence[Watch[Any]]:
        return (
            service_watch(own_key),
            pod_watch(self._services),
            Watch(Endpoints, self._endpoints_changed),
        )

    def _endpoints_changed(self, old: Endpoints | None, new: Endpoints | None) -> Iterable[str]:
        """Somebody else's changes of what we keep, and at the start what a service has left behind."""
        (key,) = own_key(old, new)
        if new is None:
            self._written.pop(key, None)
            return (key,) if self._services.get_by_key(key) is not None else ()
        written = self._written.get(key)
        if written is not None and _version(new) <= _version(written):
            if _version(new) == _version(written):
                del self._written[key]
            return ()
        return (key,) if new.metadata.labels.get(MANAGED_BY) == CONTROLLER else ()

    async def reconcile(self, key: str) -> Result:
        namespace, name = split_meta_namespace_key(key)
        service = self._services.get(namespace, name)
        if service is None:
            await self._delete(key, namespace, name)
            return Result()
        if not has_endpoints(service):
            return Result()
        until, of = self._rests.get(key, (0.0, service))
        rest = until - self._environment.monotonic()
        if rest > 0 and of is service:
            return Result(rest)
        pods = pods_of(self._pods, service)
        trigger_time = self._trigger_times.compute(key, service, pods)
        self._rests[key] = (self._environment.monotonic() + rest_after(len(pods)), service)
        held = self._held(key)
        wanted = wanted_endpoints(service, pods, held, trigger_time)
        if wanted is not None and not (held is None and service.metadata.deletion_timestamp is not None):
            await self._write(key, held, wanted)
        return Result()

    def _held(self, key: str) -> Endpoints | None:
        cached, written = self._endpoints.get_by_key(key), self._written.get(key)
        if written is None or (cached is not None and _version(cached) >= _version(written)):
            return cached
        return written

    async def _write(self, key: str, held: Endpoints | None, wanted: Endpoints) -> None:
        try:
            if held is None:
                self._written[key] = await self._client.create(wanted)
            else:
                self._written[key] = await self._client.update(wanted)
        except ApiError as error:
            self._written.pop(key, None)
            self._rests.pop(key, None)
            if error.has_cause(NAMESPACE_TERMINATING):
                return
            if held is None:
                message = f"Failed to create endpoint for service {key}: {error}"
                self._environment.recorder.event(wanted, WARNING, "FailedToCreateEndpoint", message)
            else:
                message = f"Failed to update endpoint {key}: {error}"
                self._environment.recorder.event(wanted, WARNING, "FailedToUpdateEndpoint", message)
            raise

    async def _delete(self, key: str, namespace: str, name: str) -> None:
        self._trigger_times.forget(key)
        self._rests.pop(key, None)
        if self._held(key) is None:
            return
        self._written.pop(key, None)
        try:
            await self._client.delete(Endpoints, name, namespace=namespace)
        except ApiError as error:
            if not is_not_found(error):
                raise


def _version(endpoints: Endpoints) -> int:
    return int(endpoints.metadata.resource_version)
