"""LimitRanger: defaults for containers that say nothing, and bounds for those that do.

Source of the semantics: plugin/pkg/admission/limitranger; the page "Limit Ranges".
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.resources import Amounts, amounts, container_limits, container_requests
from kube.api.helpers.resources import quantities as as_quantities
from kube.api.types.core_v1 import Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod
from kube.apimachinery import field
from kube.apimachinery.quantity import Quantity, parse_quantity
from kube.apiserver.admission.interface import Attributes
from kube.apiserver.admission.plugins.lookup import WRITE, Lookup, Name, Stores, refusal

ANNOTATION: Final = "kubernetes.io/limit-ranger"
_CLAIM: Final = "PersistentVolumeClaim"

Quantities = Mapping[str, Quantity]


class LimitRanger:
    name = "LimitRanger"
    operations = WRITE
    resources: frozenset[Name] = frozenset((("", "pods"), ("", "persistentvolumeclaims")))

    def __init__(self, stores: Stores) -> None:
        self._ranges = Lookup(stores["", "limitranges"])

    async def _applying(self, attributes: Attributes) -> Sequence[LimitRange]:
        """Pods are judged when they are created, claims whenever they are written."""
        if attributes.subresource or (
            attributes.operation == "UPDATE" and attributes.resource.plural == "pods"
        ):
            return ()
        return await self._ranges.list(attributes.namespace)

    async def admit(self, attributes: Attributes) -> Any:
        obj = attributes.object
        if not isinstance(obj, Pod):
            return obj
        for each in await self._applying(attributes):
            obj = with_defaults(obj, each)
        return obj

    async def validate(self, attributes: Attributes) -> None:
        obj = attributes.object
        for each in await self._applying(attributes):
            found = list(pod_faults(obj, each) if isinstance(obj, Pod) else claim_faults(obj, each))
            if found:
                raise refusal(attributes, field.aggregate(found))


# defaults


def with_defaults(pod: Pod, limit_range: LimitRange) -> Pod:
    """The pod whose containers have what the range gives them, told in an annotation."""
    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}
    for item in limit_range.spec.limits:
        if item.type == "Container":
            requests.update(item.default_request)
            limits.update(item.default)
    if not requests and not limits:
        return pod
    told: list[str] = []
    containers = _filled(pod.spec.containers, requests, limits, "container", told)
    init_containers = _filled(pod.spec.init_containers, requests, limits, "init container", told)
    if not told:
        return pod
    meta = pod.metadata
    annotations = {**meta.annotations, ANNOTATION: f"LimitRanger plugin set: {'; '.join(told)}"}
    return replace(
        pod,
        metadata=replace(meta, annotations=annotations),
        spec=replace(pod.spec, containers=containers, init_containers=init_containers),
    )


def _filled(
    containers: Sequence[Container], requests: Quantities, limits: Quantities, kind: str, told: list[str]
) -> tuple[Container, ...]:
    filled = []
    for container in containers:
        resources = container.resources
        more_requests = {name: value for name, value in requests.items() if name not in resources.requests}
        more_limits = {name: value for name, value in limits.items() if name not in resources.limits}
        for what, more in (("request", more_requests), ("limit", more_limits)):
            if more:
                told.append(f"{', '.join(sorted(more))} {what} for {kind} {container.name}")
        resources = replace(
            resources,
            requests={**resources.requests, **more_requests},
            limits={**resources.limits, **more_limits},
        )
        filled.append(replace(container, resources=resources))
    return tuple(filled)


# bounds


def pod_faults(pod: Pod, limit_range: LimitRange) -> Iterator[str]:
    for item in limit_range.spec.limits:
        if item.type == "Container":
            for container in (*pod.spec.containers, *pod.spec.init_containers):
                yield from _faults(item, container.resources.requests, container.resources.limits)
        elif item.type == "Pod":
            spec = pod.spec
            yield from _faults(item, _printable(container_requests(spec)), _printable(container_limits(spec)))


def _printable(values: Amounts) -> Quantities:
    return as_quantities(values)


def claim_faults(claim: PersistentVolumeClaim, limit_range: LimitRange) -> Iterator[str]:
    requests = claim.spec.resources.requests
    for item in limit_range.spec.limits:
        if item.type != _CLAIM:
            continue
        for name, bound in sorted(item.min.items()):
            yield from _below(item.type, name, bound, requests, {})
        for name, bound in sorted(item.max.items()):
            yield from _above_request(item.type, name, bound, requests)


def _faults(item: LimitRangeItem, requests: Quantities, limits: Quantities) -> Iterator[str]:
    for name, bound in sorted(item.min.items()):
        yield from _below(item.type, name, bound, requests, limits)
    for name, bound in sorted(item.max.items()):
        yield from _above(item.type, name, bound, requests, limits)
    for name, bound in sorted(item.max_limit_request_ratio.items()):
        yield from _ratio(item.type, name, bound, requests, limits)


def _below(kind: str, name: str, bound: Quantity, requests: Quantities, limits: Quantities) -> Iterator[str]:
    least = parse_quantity(bound)
    request, limit = requests.get(name), limits.get(name)
    what = f"minimum {name} usage per {kind} is {bound}"
    if request is None:
        yield f"{what}.  No request is specified"
    elif parse_quantity(request) < least:
        yield f"{what}, but request is {request}"
    elif limit is not None and parse_quantity(limit) < least:
        yield f"{what}, but limit is {limit}"


def _above(kind: str, name: str, bound: Quantity, requests: Quantities, limits: Quantities) -> Iterator[str]:
    most = parse_quantity(bound)
    request, limit = requests.get(name), limits.get(name)
    what = f"maximum {name} usage per {kind} is {bound}"
    if limit is None:
        yield f"{what}.  No limit is specified"
    elif parse_quantity(limit) > most:
        yield f"{what}, but limit is {limit}"
    elif request is not None and parse_quantity(request) > most:
        yield f"{what}, but request is {request}"


def _above_request(kind: str, name: str, bound: Quantity, requests: Quantities) -> Iterator[str]:
    request = requests.get(name)
    what = f"maximum {name} usage per {kind} is {bound}"
    if request is None:
        yield f"{what}.  No request is specified"
    elif parse_quantity(request) > parse_quantity(bound):
        yield f"{what}, but request is {request}"


def _ratio(kind: str, name: str, bound: Quantity, requests: Quantities, limits: Quantities) -> Iterator[str]:
    held = amounts(requests).get(name, 0)
    most = amounts(limits).get(name, 0)
    what = f"{name} max limit to request ratio per {kind} is {bound}"
    if not held:
        yield f"{what}, but no request is specified or request is 0"
    elif not most:
        yield f"{what}, but no limit is specified or limit is 0"
    elif most * 10**9 > parse_quantity(bound) * held:
        yield f"{what}, but provided ratio is {most / held:f}"
