"""Keeps a daemon set's pods on its nodes.

Semantics: DaemonSetsController of pkg/controller/daemon.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.apps_v1 import ControllerRevision, DaemonSet
from kube.api.types.core_v1 import Node, Pod
from kube.apimachinery.errors import ApiError, is_already_exists, is_not_found
from kube.apimachinery.labels import Selector, from_label_selector
from kube.apimachinery.meta.accessor import is_controlled_by
from kube.base.backoff import Backoff
from kube.client.events import NORMAL, WARNING
from kube.client.keys import meta_namespace_key, split_meta_namespace_key
from kube.client.lister import Lister
from kube.controllers.daemonset import history
from kube.controllers.daemonset.placement import bound_to, pods_by_node, should_run, tolerations
from kube.controllers.daemonset.plan import (
    GENERATION_LABEL,
    ON_DELETE,
    TEMPLATE_GENERATION,
    Plan,
    View,
    manage,
    rolling_update,
)
from kube.controllers.daemonset.status import new_status
from kube.controllers.dependents import DependentObserver, OwnerObserver
from kube.controllers.expectations import Expectations
from kube.controllers.framework import CONFLICT_PAUSE, Environment, Result, Watch
from kube.controllers.ownership import INDEXES, RefManager
from kube.controllers.pacing import Pacing
from kube.controllers.pod_control import BURST, PodControl, pod_from_template
from kube.controllers.staleness import is_stale
from kube.controllers.status_writer import write_status

FAILED_BACKOFF: Final = Backoff(initial=1.0, cap=900.0)
"""Between two deletions of failed pods on one node: a kubelet may refuse a pod again and again."""


def _selector(daemon_set: DaemonSet) -> Selector:
    return from_label_selector(daemon_set.spec.selector)


class DaemonSetController:
    """One key is ``namespace/name`` of a daemon set."""

    name = "daemonset"
    workers = 2

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._sets: Lister[DaemonSet] = environment.listers.lister(DaemonSet)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._nodes: Lister[Node] = environment.listers.lister(Node)
        self._revisions: Lister[ControllerRevision] = environment.listers.lister(ControllerRevision)
        self._expectations = Expectations(environment.monotonic)
        self._control = PodControl(environment, self._expectations)
        self._refs = RefManager(environment.client, environment.gather)
        self._pacing = Pacing(environment.monotonic)
        self._failures: dict[str, dict[str, tuple[int, float]]] = {}
        """By key and node, how often failed pods were deleted, and when the last one was."""

    def watches(self) -> Sequence[Watch[Any]]:
        pods = DependentObserver("DaemonSet", "apps", self._sets, _selector, self._expectations)
        revisions = DependentObserver("DaemonSet", "apps", self._sets, _selector)
        return (
            Watch(DaemonSet, OwnerObserver(self._expectations)),
            Watch(Pod, pods, INDEXES),
            Watch(ControllerRevision, revisions, INDEXES),
            Watch(Node, self._node_keys),
        )

    def _node_keys(self, old: Node | None, new: Node | None) -> Iterable[str]:
        """The sets for which the node begins or ceases to be one of theirs. Heartbeats concern nobody."""
        if old is not None and new is not None and _same_for_daemons(old, new):
            return ()
        none = (False, False)
        return [
            meta_namespace_key(each)
            for each in self._sets.list()
            if (none if old is None else should_run(each, old))
            != (none if new is None else should_run(each, new))
        ]

    async def reconcile(self, key: str) -> Result:
        namespace, name = split_meta_namespace_key(key)
        daemon_set = self._sets.get(namespace, name)
        if daemon_set is None:
            self._expectations.forget(key)
            self._pacing.forget(key)
            self._failures.pop(key, None)
            return Result()
        if _selector(daemon_set).empty:
            message = "This daemon set is selecting all pods. A non-empty selector is required."
            self._environment.recorder.event(daemon_set, WARNING, "SelectingAll", message)
            return Result()
        if daemon_set.metadata.deletion_timestamp is not None:
            return Result()
        pause = self._pacing.pause(
            key, daemon_set.metadata.generation, idle=self._expectations.satisfied(key)
        )
        if pause > 0:
            return Result(pause)
        try:
            return Result(await self._sync(key, daemon_set))
        except Exception as error:
            if is_stale(error, name):
                return Result(CONFLICT_PAUSE)
            raise

    async def _sync(self, key: str, daemon_set: DaemonSet) -> float | None:
        """Seconds after which to look again, if nothing happens."""
        current, old = await self._history(daemon_set)
        satisfied = self._expectations.satisfied(key)
        more = False
        pods = await self._refs.claim(daemon_set, _selector(daemon_set), self._pods, Pod)
        nodes = {node.metadata.name: node for node in self._nodes.list()}
        revision_hash = current.metadata.labels.get(history.HASH_LABEL, "")
        view = View(daemon_set, nodes, pods_by_node(pods), revision_hash, self._environment.now())
        error: Exception | None = None
        wait: float | None = None
        if satisfied:
            plan = manage(view)
            more = max(len(plan.create), len(plan.delete)) > BURST
            wait = self._limit_failed(key, daemon_set, plan)
            error = await self._carry_out(key, view, plan)
            rolls = daemon_set.spec.update_strategy.type != ON_DELETE
            if rolls and not plan.create and not plan.delete:
                error = await self._carry_out(key, view, rolling_update(view))
            await self._delete_revisions(history.to_delete(daemon_set, old, pods))
        self._pacing.walked(key, daemon_set.metadata.generation, max(len(pods), len(nodes)), more=more)
        status = new_status(view, processed=satisfied)
        if status != daemon_set.status:
            await write_status(self._environment.client, daemon_set, status)
        if error is not None:
            raise error
        seconds = daemon_set.spec.min_ready_seconds
        if seconds > 0 and status.number_ready != status.number_available:
            wait = seconds if wait is None else min(wait, seconds)
        return wait

    # Pods

    def _limit_failed(self, key: str, daemon_set: DaemonSet, plan: Plan) -> float | None:
        """Let the pods that have ended be deleted, those of one node at growing distances; when to look again."""
        now = self._environment.monotonic()
        failures = self._failures.setdefault(key, {})
        wait: float | None = None
        for pod in plan.ended:
            node = pod.spec.node_name
            name = f"{pod.metadata.namespace}/{pod.metadata.name}"
            if pod.status.phase == "Succeeded":
                message = f"Found succeeded daemon pod {name} on node {node}, will try to delete it"
                self._environment.recorder.event(daemon_set, NORMAL, "SucceededDaemonPod", message)
                plan.delete.append(pod)
                continue
            count, last = failures.get(node, (0, 0.0))
            if count and now - last > 2 * FAILED_BACKOFF.cap:
                count = 0
            left = last + FAILED_BACKOFF.delay(count - 1) - now if count else 0.0
            if left > 0:
                wait = left if wait is None else min(wait, left)
                continue
            failures[node] = (count + 1, now)
            message = f"Found failed daemon pod {name} on node {node}, will try to kill it"
            self._environment.recorder.event(daemon_set, WARNING, "FailedDaemonPod", message)
            plan.delete.append(pod)
        return wait

    async def _carry_out(self, key: str, view: View, plan: Plan) -> Exception | None:
        """The first error. Creations are expected before deletions are, so both are set at once."""
        daemon_set = view.daemon_set
        create = [self._new_pod(view, node) for node in plan.create[:BURST]]
        delete = plan.delete[:BURST]
        deletions = [meta_namespace_key(pod) for pod in delete]
        made = await self._control.create(key, daemon_set, create, deletions) if create else None
        if delete and not create:
            self._expectations.expect(key, deletions=deletions)
        gone = await self._control.delete_unexpected(key, daemon_set, delete) if delete else None
        return (made.error if made is not None else None) or (gone.error if gone is not None else None)

    def _new_pod(self, view: View, node: str) -> Pod:
        daemon_set = view.daemon_set
        template = daemon_set.spec.template
        labels = {**template.metadata.labels, history.HASH_LABEL: view.hash}
        generation = daemon_set.metadata.annotations.get(TEMPLATE_GENERATION)
        if generation is not None:
            labels[GENERATION_LABEL] = generation
        spec = replace(bound_to(template.spec, node), tolerations=tolerations(template.spec))
        metadata = replace(template.metadata, labels=labels)
        return pod_from_template(replace(template, metadata=metadata, spec=spec), daemon_set)

    # Revisions

    async def _history(self, daemon_set: DaemonSet) -> tuple[ControllerRevision, list[ControllerRevision]]:
        """The revision of the template as it is, made if need be, and the others."""
        patch = history.template_patch(daemon_set)
        known = await self._refs.claim(daemon_set, _selector(daemon_set), self._revisions, ControllerRevision)
        same = [each for each in known if history.is_of(each, patch)]
        old = [each for each in known if not history.is_of(each, patch)]
        number = history.highest(old) + 1
        if not same:
            return await self._create_revision(daemon_set, patch, number), old
        current, *surplus = sorted(same, key=lambda each: -each.revision)
        await self._replace_duplicates(daemon_set, current, surplus)
        wanted = history.renumbered(current, number)
        if wanted is not current:
            current = await self._environment.client.update(wanted)
        return current, old

    async def _create_revision(self, daemon_set: DaemonSet, patch: bytes, number: int) -> ControllerRevision:
        client = self._environment.client
        wanted = history.new_revision(daemon_set, patch, number)
        try:
            return await client.create(wanted)
        except ApiError as error:
            if not is_already_exists(error):
                raise
            found = await client.get(
                ControllerRevision, wanted.metadata.name, namespace=wanted.metadata.namespace
            )
            if is_controlled_by(found, daemon_set) and history.is_of(found, patch):
                return found
            count = (daemon_set.status.collision_count or 0) + 1
            status = replace(daemon_set.status, collision_count=count)
            await write_status(client, daemon_set, status)
            raise

    async def _replace_duplicates(
        self, daemon_set: DaemonSet, kept: ControllerRevision, surplus: Sequence[ControllerRevision]
    ) -> None:
        """Pods of equal revisions get the label of the one that is kept."""
        if not surplus:
            return
        label = kept.metadata.labels.get(history.HASH_LABEL, "")
        patch = {"metadata": {"labels": {history.HASH_LABEL: label}}}
        for pod in await self._refs.claim(daemon_set, _selector(daemon_set), self._pods, Pod):
            if any(
                pod.metadata.labels.get(history.HASH_LABEL) == each.metadata.labels.get(history.HASH_LABEL)
                for each in surplus
            ):
                await self._environment.client.patch(
                    Pod, pod.metadata.name, patch, type="merge", namespace=pod.metadata.namespace
                )
        await self._delete_revisions(surplus)

    async def _delete_revisions(self, revisions: Sequence[ControllerRevision]) -> None:
        for each in revisions:
            metadata = each.metadata
            try:
                await self._environment.client.delete(
                    ControllerRevision, metadata.name, namespace=metadata.namespace
                )
            except ApiError as error:
                if not is_not_found(error):
                    raise


def _same_for_daemons(old: Node, new: Node) -> bool:
    return old.metadata.labels == new.metadata.labels and old.spec.taints == new.spec.taints
