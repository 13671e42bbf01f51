"""Keeps as many pods as a replica set, or a replication controller, asks for.

Semantics: ReplicaSetController of pkg/controller/replicaset.
"""

from collections.abc import Sequence
from typing import Any

from kube.api.helpers.pods import is_pod_active, is_pod_terminating
from kube.api.types.core_v1 import Pod
from kube.apimachinery.meta.accessor import controller_of
from kube.client.keys import split_meta_namespace_key
from kube.client.lister import Lister
from kube.controllers.dependents import DependentObserver, OwnerObserver
from kube.controllers.expectations import Expectations
from kube.controllers.framework import CONFLICT_PAUSE, Environment, Result, Watch
from kube.controllers.ownership import BY_CONTROLLER, INDEXES, RefManager
from kube.controllers.pacing import Pacing
from kube.controllers.pod_control import BURST, PodControl, pod_from_template
from kube.controllers.pod_ranking import pods_to_delete
from kube.controllers.replicaset.kinds import REPLICA_SET, REPLICATION_CONTROLLER, Kind
from kube.controllers.replicaset.status import new_status
from kube.controllers.staleness import is_stale
from kube.controllers.status_writer import write_status


class ReplicaSetController:
    """One key is ``namespace/name`` of the owner."""

    workers = 5

    def __init__(self, environment: Environment, kind: Kind = REPLICA_SET) -> None:
        self.name = kind.name
        self._kind = kind
        self._environment = environment
        self._owners: Lister[Any] = environment.listers.lister(kind.type)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._expectations = Expectations(environment.monotonic)
        self._control = PodControl(environment, self._expectations)
        self._refs = RefManager(environment.client, environment.gather)
        self._pacing = Pacing(environment.monotonic)

    def watches(self) -> Sequence[Watch[Any]]:
        kind = self._kind
        observer = DependentObserver(kind.kind, kind.group, self._owners, kind.selector, self._expectations)
        return (
            Watch(kind.type, OwnerObserver(self._expectations), INDEXES),
            Watch(Pod, observer, INDEXES),
        )

    async def reconcile(self, key: str) -> Result:
        namespace, name = split_meta_namespace_key(key)
        owner = self._owners.get(namespace, name)
        if owner is None:
            self._expectations.forget(key)
            self._pacing.forget(key)
            return Result()
        pause = self._pacing.pause(key, owner.metadata.generation, idle=self._expectations.satisfied(key))
        if pause > 0:
            return Result(pause)
        try:
            return await self._sync(key, owner)
        except Exception as error:
            if is_stale(error, name):
                return Result(CONFLICT_PAUSE)
            raise

    async def _sync(self, key: str, owner: Any) -> Result:
        needs_sync = self._expectations.satisfied(key)
        pods = await self._refs.claim(
            owner, self._kind.selector(owner), self._pods, Pod, may_adopt=is_pod_active
        )
        active = [pod for pod in pods if is_pod_active(pod)]
        terminating = sum(1 for pod in pods if is_pod_terminating(pod))
        error: Exception | None = None
        if needs_sync and owner.metadata.deletion_timestamp is None:
            error = await self._manage_replicas(key, owner, active)
        status, wait = new_status(
            self._kind, owner, active, terminating, error=error, now=self._environment.now()
        )
        more = abs(len(active) - (owner.spec.replicas or 0)) > BURST
        self._pacing.walked(key, owner.metadata.generation, len(pods), more=more)
        if status != owner.status:
            await write_status(self._environment.client, owner, status)
        if error is not None:
            raise error
        return Result(wait)

    async def _manage_replicas(self, key: str, owner: Any, active: Sequence[Pod]) -> Exception | None:
        wanted = owner.spec.replicas or 0
        excess = len(active) - wanted
        if excess < 0:
            pod = pod_from_template(owner.spec.template, owner)
            return (await self._control.create(key, owner, [pod] * min(-excess, BURST))).error
        if excess > 0:
            doomed = pods_to_delete(active, self._related(owner), min(excess, BURST), self._environment.now())
            return (await self._control.delete(key, owner, doomed)).error
        return None

    def _related(self, owner: Any) -> list[Pod]:
        """The pods of all sets that this one's own owner has: they share nodes with this one's."""
        above = controller_of(owner.metadata)
        siblings = (owner,) if above is None else self._owners.by_index(BY_CONTROLLER, above.uid)
        by_index = self._pods.by_index
        return [pod for each in siblings for pod in by_index(BY_CONTROLLER, each.metadata.uid)]


def replica_set_controller(environment: Environment) -> ReplicaSetController:
    return ReplicaSetController(environment, REPLICA_SET)


def replication_controller(environment: Environment) -> ReplicaSetController:
    return ReplicaSetController(environment, REPLICATION_CONTROLLER)
