"""Questions about containers, their specs and their statuses, that several parts of the kubelet ask. Pure."""

from collections.abc import Iterator, Sequence

from kube.api.types.core_v1 import Container, PodSpec
from kube.api.types.core_v1 import ContainerStatus as ApiContainerStatus
from kube.cri.interface import ContainerState, ContainerStatus, PodStatus


def is_sidecar(container: Container) -> bool:
    """Whether an init container is one that runs on (KEP-753)."""
    return container.restart_policy == "Always"


def all_containers(spec: PodSpec) -> Iterator[Container]:
    yield from spec.init_containers
    yield from spec.containers


def should_restart(container: Container, spec: PodSpec, exit_code: int) -> bool:
    """Whether the container, having ended so, is started again: its own rules and policy, else the pod's (KEP-5307)."""
    for rule in container.restart_policy_rules:
        if rule.exit_codes is None:
            continue
        matches = exit_code in rule.exit_codes.values
        if matches == (rule.exit_codes.operator == "In"):
            return True
    policy = container.restart_policy or spec.restart_policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def has_started(status: ContainerStatus | None) -> bool:
    """Whether it has run at some time."""
    return status is not None and status.state in (ContainerState.RUNNING, ContainerState.EXITED)


def any_regular_started(spec: PodSpec, status: PodStatus) -> bool:
    return any(has_started(status.find(container.name)) for container in spec.containers)


def api_status(statuses: Sequence[ApiContainerStatus], name: str) -> ApiContainerStatus | None:
    for status in statuses:
        if status.name == name:
            return status
    return None
