"""Which daemon pods come and which go: to have one on each node, and to bring them to a new template. Pure.

Semantics: podsShouldBeOnNode and rollingUpdate of pkg/controller/daemon; KEP-1591 (surge).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from kube.api.helpers.pods import is_pod_available
from kube.api.types.apps_v1 import DaemonSet
from kube.api.types.core_v1 import Node, Pod
from kube.controllers.daemonset.history import HASH_LABEL
from kube.controllers.daemonset.placement import should_run
from kube.controllers.scaled import scaled_value

TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
"""An annotation of the daemon set."""
GENERATION_LABEL: Final = "pod-template-generation"

ON_DELETE: Final = "OnDelete"


class Plan(Struct):
    """``create`` are names of nodes; ``ended`` are pods to delete because they have ended, which is worth an event."""

    create: list[str] = field(default_factory=list)
    delete: list[Pod] = field(default_factory=list)
    ended: list[Pod] = field(default_factory=list)


class View(Struct, frozen=True):
    """What a daemon set's plan and status are made of. ``hash`` is that of the current revision."""

    daemon_set: DaemonSet
    nodes: Mapping[str, Node]
    pods: Mapping[str, Sequence[Pod]]
    hash: str
    now: float

    def is_updated(self, pod: Pod) -> bool:
        generation = self.daemon_set.metadata.annotations.get(TEMPLATE_GENERATION)
        held = pod.metadata.labels
        return held.get(HASH_LABEL) == self.hash or (
            generation is not None and held.get(GENERATION_LABEL) == generation
        )

    def is_available(self, pod: Pod) -> bool:
        return is_pod_available(pod, self.daemon_set.spec.min_ready_seconds, self.now)

    def wanted(self) -> list[str]:
        """The nodes that should have a pod."""
        return [name for name, node in self.nodes.items() if should_run(self.daemon_set, node)[0]]


def oldest_first(pods: Iterable[Pod]) -> list[Pod]:
    """Those on a node first, then by age."""
    return sorted(
        pods,
        key=lambda pod: (
            not pod.spec.node_name,
            pod.metadata.creation_timestamp or "",
            pod.metadata.name,
        ),
    )


def budget(daemon_set: DaemonSet, desired: int) -> tuple[int, int]:
    """Surge and unavailability in pods, both rounded up; one pod may be unavailable where both would be 0."""
    rolling = daemon_set.spec.update_strategy.rolling_update
    surge = 0 if rolling is None or rolling.max_surge is None else rolling.max_surge
    unavailable = 1 if rolling is None or rolling.max_unavailable is None else rolling.max_unavailable
    more = scaled_value(surge, desired, round_up=True)
    less = scaled_value(unavailable, desired, round_up=True)
    return (more, less) if more or less else (0, 1)


def _surges(daemon_set: DaemonSet) -> bool:
    rolling = daemon_set.spec.update_strategy.rolling_update
    return (
        daemon_set.spec.update_strategy.type != ON_DELETE
        and rolling is not None
        and rolling.max_surge not in (None, 0, "0%")
    )


def manage(view: View) -> Plan:
    """One pod on every node that should have one, and none elsewhere."""
    plan = Plan()
    for name, node in view.nodes.items():
        run, stay = should_run(view.daemon_set, node)
        pods = view.pods.get(name, ())
        if run and not pods:
            plan.create.append(name)
        elif stay:
            _prune(view, pods, plan)
        elif pods:
            plan.delete.extend(pod for pod in pods if pod.metadata.deletion_timestamp is None)
    for name, pods in view.pods.items():
        if name not in view.nodes:  # never scheduled, so nobody else would delete them
            plan.delete.extend(pod for pod in pods if not pod.spec.node_name)
    return plan


def _prune(view: View, pods: Sequence[Pod], plan: Plan) -> None:
    """On a node: none that has ended, and of those that run the oldest, or with surge one old and one new."""
    running: list[Pod] = []
    for pod in pods:
        if pod.metadata.deletion_timestamp is not None:
            continue
        (plan.ended if pod.status.phase in ("Failed", "Succeeded") else running).append(pod)
    if len(running) <= 1:
        return
    ordered = oldest_first(running)
    if not _surges(view.daemon_set):
        plan.delete.extend(ordered[1:])
        return
    new = [pod for pod in ordered if view.is_updated(pod)]
    old = [pod for pod in ordered if not view.is_updated(pod)]
    plan.delete.extend((*new[1:], *old[1:]))
    if new and old and view.is_available(new[0]):
        plan.delete.append(old[0])


def _new_and_old(view: View, pods: Sequence[Pod]) -> tuple[Pod | None, Pod | None] | None:
    """At most one of each; None where there are more, for ``manage`` to clean up."""
    live = [pod for pod in pods if pod.metadata.deletion_timestamp is None]
    new = [pod for pod in live if view.is_updated(pod)]
    old = [pod for pod in live if not view.is_updated(pod)]
    if len(new) > 1 or len(old) > 1:
        return None
    return (new[0] if new else None), (old[0] if old else None)


def rolling_update(view: View) -> Plan:
    """What a rolling update does next."""
    wanted = view.wanted()
    surge, unavailable = budget(view.daemon_set, len(wanted))
    pods: dict[str, Sequence[Pod]] = {**dict.fromkeys(wanted, ()), **view.pods}
    return _surge(view, pods, surge, len(wanted)) if surge else _replace(view, pods, unavailable)


def _replace(view: View, pods: Mapping[str, Sequence[Pod]], allowed: int) -> Plan:
    """Delete old pods, those that are not available at once; ``manage`` makes the new ones."""
    plan = Plan()
    candidates: list[Pod] = []
    missing = 0
    for on_node in pods.values():
        pair = _new_and_old(view, on_node)
        new, old = pair or (None, None)
        if new is None and old is not None:
            if view.is_available(old):
                candidates.append(old)
                continue
            plan.delete.append(old)
            missing += 1
        elif new is None or old is not None or not view.is_available(new):
            missing += 1
    plan.delete.extend(candidates[: max(0, allowed - missing)])
    return plan


def _surge(view: View, pods: Mapping[str, Sequence[Pod]], allowed: int, desired: int) -> Plan:
    """Make new pods beside the old ones, and delete an old one when its new one is available."""
    plan = Plan()
    candidates: list[str] = []
    leaving: list[Pod] = []
    surging = available = 0
    for name, on_node in pods.items():
        pair = _new_and_old(view, on_node)
        if pair is None:
            surging += 1
            continue
        new, old = pair
        first = old or new
        available += first is not None and view.is_available(first)
        if old is None:
            continue
        if new is not None:
            if view.is_available(new):
                plan.delete.append(old)
            else:
                surging += 1
            continue
        node = view.nodes.get(name)
        stays = node is not None and should_run(view.daemon_set, node)[0]
        if view.is_available(old):
            if stays:
                candidates.append(name)
            else:
                leaving.append(old)
        elif stays:
            plan.create.append(name)
        else:
            plan.delete.append(old)
    plan.delete.extend(leaving[: max(0, available - desired)])
    plan.create.extend(candidates[: max(0, allowed - surging)])
    return plan
