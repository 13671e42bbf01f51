"""Keeps the EndpointSlices of services with a selector.

Semantics: pkg/controller/endpointslice.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from kube.api.types.core_v1 import Node, Pod, Service
from kube.api.types.discovery_v1 import Endpoint, EndpointSlice
from kube.apimachinery.errors import ApiError, is_not_found
from kube.client.events import WARNING
from kube.client.keys import split_meta_namespace_key
from kube.client.lister import Lister
from kube.controllers.endpointslice.endpoint import (
    Ports,
    address_types,
    addresses_of,
    endpoint_of,
    endpoint_ports,
)
from kube.controllers.endpointslice.membership import (
    TriggerTimes,
    has_endpoints,
    pod_watch,
    pods_of,
    rest_after,
    service_watch,
    should_pod_be_in_endpoints,
)
from kube.controllers.endpointslice.reconciler import (
    CONTROLLER,
    MANAGED_BY,
    SERVICE_NAME,
    plan,
    with_trigger_time,
)
from kube.controllers.framework import Environment, Result, Watch, own_key
from kube.controllers.serviceaccount import NAMESPACE_TERMINATING

BY_SERVICE: Final = "endpointslice/service"
NODE_RETRY: Final = 1.0
"""Seconds after which a pod is looked at again whose node was not known."""


def _service_of(slice_: EndpointSlice) -> Iterable[str]:
    labels = slice_.metadata.labels
    name = labels.get(SERVICE_NAME)
    return (f"{slice_.metadata.namespace}/{name}",) if name and labels.get(MANAGED_BY) == CONTROLLER else ()


class _Made(Struct, frozen=True):
    """An endpoint, and what it was made of."""

    pod: Pod
    node: Node | None
    ports: Ports
    endpoints: tuple[tuple[str, Endpoint], ...]
    """By address type."""


class _State:
    """What is remembered of one service between two syncs."""

    __slots__ = ("made", "service", "until", "written")

    def __init__(self) -> None:
        self.service: Service | None = None
        self.until = 0.0
        self.made: dict[str, _Made] = {}
        self.written: dict[str, EndpointSlice | None] = {}
        """What was written and has not come back through the cache yet; None is what was deleted."""


class EndpointSliceController:
    """One key is ``namespace/name`` of a service."""

    name = "endpointslice"
    workers = 5

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._client = environment.client
        self._services: Lister[Service] = environment.listers.lister(Service)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._nodes: Lister[Node] = environment.listers.lister(Node)
        self._slices: Lister[EndpointSlice] = environment.listers.lister(EndpointSlice)
        self._trigger_times = TriggerTimes()
        self._states: dict[str, _State] = {}

    def watches(self) -> Sequence[Watch[Any]]:
        return (
            service_watch(own_key),
            pod_watch(self._services),
            Watch(EndpointSlice, self._slice_changed, {BY_SERVICE: _service_of}),
            Watch(Node),
        )

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> Iterable[str]:
        """A slice that somebody else has changed has its service synced; what comes back of ours is only noted."""
        keys = dict.fromkeys((*(_service_of(old) if old else ()), *(_service_of(new) if new else ())))
        changed = []
        for key in keys:
            state = self._states.get(key)
            if state is None or not _is_own(state, old, new):
                changed.append(key)
        return changed

    async def reconcile(self, key: str) -> Result:
        service = self._services.get(*split_meta_namespace_key(key))
        if service is None:
            self._states.pop(key, None)
            self._trigger_times.forget(key)
            return Result()
        if not has_endpoints(service):
            return Result()
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _State()
        rest = state.until - self._environment.monotonic()
        if rest > 0 and state.service is service:
            return Result(rest)
        return await self._sync(key, service, state)

    async def _sync(self, key: str, service: Service, state: _State) -> Result:
        pods = pods_of(self._pods, service)
        trigger_time = self._trigger_times.compute(key, service, pods)
        homeless = self._make_endpoints(service, pods, state)
        state.until = self._environment.monotonic() + rest_after(len(pods))
        existing = self._existing(key, state)
        families = address_types(service)
        calls = [self._delete(state, each) for each in existing if each.address_type not in families]
        for family in families:
            desired: dict[Ports, list[Endpoint]] = {}
            for made in state.made.values():
                of_ports = desired.setdefault(made.ports, [])
                of_ports.extend(endpoint for kind, endpoint in made.endpoints if kind == family)
            todo = plan(service, family, desired, [each for each in existing if each.address_type == family])
            calls += [self._create(state, with_trigger_time(each, trigger_time)) for each in todo.create]
            calls += [self._update(state, with_trigger_time(each, trigger_time)) for each in todo.update]
            calls += [self._delete(state, each) for each in todo.delete]
        await self._write(service, state, calls)
        return Result(NODE_RETRY if homeless else None)

    def _make_endpoints(self, service: Service, pods: Sequence[Pod], state: _State) -> bool:
        """Brings ``state.made`` up to date; only pods that are new or changed cost anything.

        Whether a pod was left out as its node is not known.
        """
        known = state.made if state.service is service else {}
        families = address_types(service)
        publish = service.spec.publish_not_ready_addresses
        get_node = self._nodes.get
        made: dict[str, _Made] = {}
        homeless = False
        for pod in pods:
            name = pod.metadata.name
            node = get_node("", pod.spec.node_name)
            held = known.get(name)
            if held is not None and held.pod is pod and held.node is node:
                made[name] = held
                continue
            if not should_pod_be_in_endpoints(pod, include_terminating=True):
                continue
            if node is None and not publish:
                homeless = True
                continue
            endpoints = [
                (family, endpoint_of(pod, node, service, addresses))
                for family in families
                if (addresses := addresses_of(pod, family))
            ]
            made[name] = _Made(pod, node, endpoint_ports(service, pod), tuple(endpoints))
        state.service, state.made = service, made
        return homeless

    def _existing(self, key: str, state: _State) -> list[EndpointSlice]:
        """The cache's slices under what was written since."""
        found = {each.metadata.name: each for each in self._slices.by_index(BY_SERVICE, key)}
        for name, written in tuple(state.written.items()):
            if written is None:
                found.pop(name, None)
            elif name not in found or _version(found[name]) < _version(written):
                found[name] = written
        return [each for each in found.values() if each.metadata.deletion_timestamp is None]

    def _create(self, state: _State, slice_: EndpointSlice) -> Callable[[], Any]:
        async def call() -> None:
            created = await self._client.create(slice_)
            state.written[created.metadata.name] = created

        return call

    def _update(self, state: _State, slice_: EndpointSlice) -> Callable[[], Any]:
        async def call() -> None:
            updated = await self._client.update(slice_)
            state.written[updated.metadata.name] = updated

        return call

    def _delete(self, state: _State, slice_: EndpointSlice) -> Callable[[], Any]:
        async def call() -> None:
            metadata = slice_.metadata
            state.written[metadata.name] = None
            try:
                await self._client.delete(EndpointSlice, metadata.name, namespace=metadata.namespace)
            except ApiError as error:
                if not is_not_found(error):
                    raise

        return call

    async def _write(self, service: Service, state: _State, calls: Sequence[Callable[[], Any]]) -> None:
        if not calls:
            return
        for result in await self._environment.gather(calls):
            if isinstance(result, Exception):
                state.written.clear()  # whatever we believed was wrong
                state.until = 0.0
                if isinstance(result, ApiError) and result.has_cause(NAMESPACE_TERMINATING):
                    continue
                of = f"{service.metadata.namespace}/{service.metadata.name}"
                message = f"Error updating Endpoint Slices for Service {of}: {result}"
                self._environment.recorder.event(service, WARNING, "FailedToUpdateEndpointSlices", message)
                raise result


def _version(slice_: EndpointSlice) -> int:
    return int(slice_.metadata.resource_version)


def _is_own(state: _State, old: EndpointSlice | None, new: EndpointSlice | None) -> bool:
    """Whether a change is one that we have made; forgets what has come back."""
    if new is None:
        assert old is not None
        name = old.metadata.name
        if name not in state.written:
            return False
        return state.written.pop(name) is None
    written = state.written.get(new.metadata.name)
    if written is None or _version(new) < _version(written):
        return written is not None
    del state.written[new.metadata.name]
    return _version(new) == _version(written)
