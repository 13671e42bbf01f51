"""Which pods belong to which services, found by index in both directions: nobody walks a namespace.

Semantics: staging/src/k8s.io/endpointslice/util/controller_utils.go.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kube.api.helpers.pods import is_pod_ready, is_pod_terminal
from kube.api.types.core_v1 import Pod, Service
from kube.client.lister import Lister
from kube.controllers.framework import Watch

BY_LABEL: Final = "service/label"
BY_SELECTOR: Final = "service/selector"
SYNC_SECONDS: Final = 0.05
"""Between two syncs of a service, at least. The first change is acted upon at once, those that follow together."""
POD_SECONDS: Final = 0.0005
"""More for each pod of the service: one of 1,000 pods that become ready one by one is synced twice a second."""
MOST_SECONDS: Final = 1.0


def rest_after(pods: int) -> float:
    """Seconds between two syncs of a service that has so many pods."""
    return min(SYNC_SECONDS + pods * POD_SECONDS, MOST_SECONDS)


def _labels_of(pod: Pod) -> Iterable[str]:
    metadata = pod.metadata
    return [f"{metadata.namespace}/{key}={value}" for key, value in metadata.labels.items()]


def _first_of_selector(service: Service) -> Iterable[str]:
    """One pair of the selector: a pod that matches has it, whatever else is asked for."""
    selector = service.spec.selector
    if not selector:
        return ()
    key = min(selector)
    return (f"{service.metadata.namespace}/{key}={selector[key]}",)


def services_of(services: Lister[Service], pod: Pod) -> list[str]:
    """The keys of the services whose selectors match the pod's labels."""
    labels = pod.metadata.labels
    return [
        f"{service.metadata.namespace}/{service.metadata.name}"
        for value in _labels_of(pod)
        for service in services.by_index(BY_SELECTOR, value)
        if service.spec.selector.items() <= labels.items()
    ]


def pods_of(pods: Lister[Pod], service: Service) -> Sequence[Pod]:
    """The pods that the service selects, in a stable order."""
    namespace, selector = service.metadata.namespace, service.spec.selector
    values = [f"{namespace}/{key}={value}" for key, value in selector.items()]
    if not values:
        return ()
    rarest = min(values, key=lambda value: pods.count_by_index(BY_LABEL, value))
    found = pods.by_index(BY_LABEL, rarest)
    if len(values) == 1:
        return found
    wanted = selector.items()
    return [pod for pod in found if wanted <= pod.metadata.labels.items()]


def endpoint_changed(old: Pod, new: Pod) -> bool:
    """Whether an update of a pod, other than of its labels, is of concern to the services that it belongs to."""
    return (
        (old.metadata.deletion_timestamp is None) != (new.metadata.deletion_timestamp is None)
        or is_pod_ready(old) != is_pod_ready(new)
        or is_pod_terminal(old) != is_pod_terminal(new)
        or old.status.pod_ips != new.status.pod_ips
        or (old.spec.hostname, old.spec.subdomain) != (new.spec.hostname, new.spec.subdomain)
    )


def affected(services: Lister[Service], old: Pod | None, new: Pod | None) -> Iterable[str]:
    """The keys of the services that a change of a pod concerns."""
    if new is None or old is None:
        pod = old if new is None else new
        assert pod is not None
        return services_of(services, pod)
    if old.metadata.labels == new.metadata.labels:
        return services_of(services, new) if endpoint_changed(old, new) else ()
    return dict.fromkeys((*services_of(services, old), *services_of(services, new)))


def service_watch(keys: Callable[[Service | None, Service | None], Iterable[str]]) -> Watch[Any]:
    return Watch(Service, keys, {BY_SELECTOR: _first_of_selector})


def pod_watch(services: Lister[Service]) -> Watch[Any]:
    return Watch(Pod, lambda old, new: affected(services, old, new), {BY_LABEL: _labels_of})


def has_endpoints(service: Service) -> bool:
    """Whether controllers make endpoints for it; those of all others are made by somebody else."""
    return service.spec.type != "ExternalName" and bool(service.spec.selector)


def should_pod_be_in_endpoints(pod: Pod, *, include_terminating: bool) -> bool:
    if is_pod_terminal(pod) or not (pod.status.pod_ip or pod.status.pod_ips):
        return False
    return include_terminating or pod.metadata.deletion_timestamp is None


def hostname_of(pod: Pod, service: Service) -> str:
    """The name by which the pod is found below the service's; "" for most."""
    spec = pod.spec
    return spec.hostname if spec.hostname and spec.subdomain == service.metadata.name else ""


class TriggerTimes:
    """When the change happened that led to a sync: the annotation ``endpoints.kubernetes.io/last-change-trigger-time``.

    Semantics: TriggerTimeTracker of staging/src/k8s.io/endpointslice/util.
    """

    def __init__(self) -> None:
        self._pods: dict[str, Mapping[str, str]] = {}

    def compute(self, key: str, service: Service, pods: Iterable[Pod]) -> str:
        """The time as an annotation's value; "" when nothing has changed that has a time."""
        before = self._pods.get(key)
        times = {}
        changed = []
        for pod in pods:
            for condition in pod.status.conditions:
                if condition.type == "Ready" and condition.last_transition_time is not None:
                    time = times[pod.metadata.name] = condition.last_transition_time
                    if before is not None and time > before.get(pod.metadata.name, ""):
                        changed.append(time)
        self._pods[key] = times
        if before is None:
            return service.metadata.creation_timestamp or ""
        return min(changed, default="")

    def forget(self, key: str) -> None:
        self._pods.pop(key, None)
