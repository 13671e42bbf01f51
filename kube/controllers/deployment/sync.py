"""One reconcile of one deployment: the state that it starts from, and the writes that bring it on.

Semantics: sync.go, rolling.go and recreate.go of pkg/controller/deployment.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from kube.api.types.apps_v1 import Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet
from kube.api.types.core_v1 import Pod
from kube.apimachinery.errors import ApiError, is_already_exists, is_not_found
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.accessor import find_condition, is_controlled_by
from kube.client.events import NORMAL, WARNING
from kube.controllers.deployment import progress, revisions, rollout
from kube.controllers.deployment.arithmetic import is_rolling, new_set_size, replicas_of
from kube.controllers.deployment.progress import PROGRESSING
from kube.controllers.deployment.rollout import Scale
from kube.controllers.framework import Environment
from kube.controllers.pod_control import is_namespace_terminating

SCALING: Final = "ScalingReplicaSet"


class TemplateCollisionError(Exception):
    """Another template has the name of this one's replica set; the next reconcile takes another name."""


class DeploymentSync:
    """``sets`` are those that the deployment controls. What is written takes the place of what was read.

    ``pods_of`` gives the pods of a replica set.
    """

    def __init__(
        self,
        environment: Environment,
        deployment: Deployment,
        sets: Iterable[ReplicaSet],
        pods_of: Callable[[ReplicaSet], Sequence[Pod]],
    ) -> None:
        self._environment = environment
        self._client = environment.client
        self._pods_of = pods_of
        self._deployment = deployment
        self._sets = {each.metadata.name: each for each in sets}

    async def run(self) -> float | None:
        """Seconds after which to look again, if nothing happens."""
        if self._deployment.metadata.deletion_timestamp is not None:
            await self._status_only(revisions.find_new(self._deployment, self._sets.values()))
            return None
        await self._write_paused()
        deployment = self._deployment
        if deployment.spec.paused or rollout.is_scaling_event(deployment, self._sets.values()):
            await self._sync_size()
            return None
        if is_rolling(deployment):
            return await self._roll()
        return await self._recreate()

    # The ways

    async def _sync_size(self) -> None:
        """While paused, or when the size alone has changed."""
        new, old = await self._find()
        await self._scale(rollout.scale(self._deployment, new, old))
        if self._deployment.spec.paused:
            await self._clean_up(new)
        await self._status_only(new)

    async def _roll(self) -> float | None:
        new = await self._new_set()
        name, old = new.metadata.name, self._old(new)
        scaled = await self._scale(rollout.grow_new(self._deployment, new, old))
        if not scaled:
            scaled = await self._scale(rollout.shrink_old(self._deployment, self._sets[name], old))
        return await self._finish(self._sets[name], scaled=scaled)

    async def _recreate(self) -> float | None:
        new, old = await self._find()
        if await self._scale(rollout.stop_old(old)):
            return await self._finish(new, scaled=True)
        pods = [pod for each in old for pod in self._pods_of(each)]
        if rollout.old_pods_running(old, pods):
            return await self._finish(new, scaled=True)
        new = new if new is not None else await self._new_set()
        name = new.metadata.name
        if replicas_of(new) != replicas_of(self._deployment):
            await self._scale([Scale(name, replicas_of(self._deployment))])
        return await self._finish(self._sets[name], scaled=False)

    async def _finish(self, new: ReplicaSet | None, *, scaled: bool) -> float | None:
        if not scaled and progress.is_complete(self._deployment, self._deployment.status):
            await self._clean_up(new)
        now = self._environment.now()
        status = progress.rollout_status(self._deployment, self._all(), new, now)
        if status != self._deployment.status:
            await self._write(status=status)
        return progress.seconds_until_stuck(self._deployment, status, now)

    async def _status_only(self, new: ReplicaSet | None) -> None:
        if new is not None:
            new = self._sets.get(new.metadata.name)
        now = self._environment.now()
        status = progress.calculate_status(self._deployment, self._all(), new, now)
        if status != self._deployment.status:
            await self._write(status=status)

    # The replica sets

    def _all(self) -> list[ReplicaSet]:
        return list(self._sets.values())

    def _old(self, new: ReplicaSet | None) -> list[ReplicaSet]:
        return revisions.others(self._sets.values(), new)

    async def _find(self) -> tuple[ReplicaSet | None, list[ReplicaSet]]:
        """The newest set, its annotations brought up, if it exists; and the others."""
        new = revisions.find_new(self._deployment, self._sets.values())
        old = self._old(new)
        if new is not None:
            new = await self._bring_up(new, old)
        return new, old

    async def _new_set(self) -> ReplicaSet:
        """The newest set, made if need be."""
        new, old = await self._find()
        return await self._create(old) if new is None else new

    async def _bring_up(self, found: ReplicaSet, old: Sequence[ReplicaSet]) -> ReplicaSet:
        wanted = revisions.brought_up(self._deployment, found, revisions.next_revision(old))
        if wanted is not found:
            return await self._store(wanted)
        condition = None
        status = self._deployment.status
        if progress.has_deadline(self._deployment) and find_condition(status.conditions, PROGRESSING) is None:
            message = f"Found new replica set {quote(found.metadata.name)}"
            condition = self._condition("True", progress.FOUND_NEW, message)
        await self._write(condition=condition, revision=revisions.revision_of(found))
        return found

    async def _create(self, old: Sequence[ReplicaSet]) -> ReplicaSet:
        deployment = self._deployment
        revision = revisions.next_revision(old)
        size = new_set_size(deployment, old, 0)
        wanted = revisions.new_replica_set(deployment, revision, size)
        name = wanted.metadata.name
        try:
            created = self._sets[name] = await self._client.create(wanted)
        except ApiError as error:
            created = self._sets[name] = await self._not_created(wanted, error)
            await self._write(revision=revision)
            return created
        if size > 0:
            self._say(NORMAL, SCALING, f"Scaled up replica set {name} from 0 to {size}")
        condition = None
        if progress.has_deadline(deployment):
            message = f"Created new replica set {quote(name)}"
            condition = self._condition("True", progress.NEW_REPLICA_SET, message)
        await self._write(condition=condition, revision=revision)
        return created

    async def _not_created(self, wanted: ReplicaSet, error: ApiError) -> ReplicaSet:
        """The set of this name, if it is this deployment's and of this template. Raises what stands in the way."""
        deployment, name = self._deployment, wanted.metadata.name
        if is_already_exists(error):
            found = await self._client.get(ReplicaSet, name, namespace=deployment.metadata.namespace)
            if is_controlled_by(found, deployment) and revisions.same_template(
                found.spec.template, wanted.spec.template
            ):
                return found
            count = (deployment.status.collision_count or 0) + 1
            await self._write(status=replace(deployment.status, collision_count=count))
            raise TemplateCollisionError(f"{name} has another template") from error
        if not is_namespace_terminating(error):
            message = f"Failed to create new replica set {quote(name)}: {error}"
            if progress.has_deadline(deployment):
                await self._write(condition=self._condition("False", progress.CREATE_ERROR, message))
            self._say(WARNING, progress.CREATE_ERROR, message)
        raise error

    async def _scale(self, steps: Iterable[Scale]) -> bool:
        """Whether a set got another size."""
        changed = False
        for step in steps:
            before = self._sets[step.name]
            after = revisions.sized(before, step.replicas, self._deployment)
            if after is before:
                continue
            await self._store(after)
            size = replicas_of(before)
            if size != step.replicas:
                changed = True
                way = "up" if step.replicas > size else "down"
                self._say(
                    NORMAL, SCALING, f"Scaled {way} replica set {step.name} from {size} to {step.replicas}"
                )
        return changed

    async def _store(self, replica_set: ReplicaSet) -> ReplicaSet:
        stored = await self._client.update(replica_set)
        self._sets[stored.metadata.name] = stored
        return stored

    async def _clean_up(self, new: ReplicaSet | None) -> None:
        for each in revisions.history_to_delete(self._deployment, self._old(new)):
            metadata = each.metadata
            try:
                await self._client.delete(ReplicaSet, metadata.name, namespace=metadata.namespace)
            except ApiError as error:
                if not is_not_found(error):
                    raise

    # The deployment

    async def _write_paused(self) -> None:
        status = self._deployment.status
        conditions = progress.paused_conditions(self._deployment, self._environment.now())
        if conditions != status.conditions:
            await self._write(status=replace(status, conditions=conditions))

    async def _write(
        self,
        *,
        status: DeploymentStatus | None = None,
        condition: DeploymentCondition | None = None,
        revision: int = 0,
    ) -> None:
        """Write what is given and differs: a status, a condition more, the revision's annotation."""
        deployment = self._deployment
        status = deployment.status if status is None else status
        if condition is not None:
            conditions = progress.with_condition(status.conditions, condition)
            status = replace(status, conditions=conditions)
        metadata = deployment.metadata
        if revision and metadata.annotations.get(revisions.REVISION) != str(revision):
            annotations = {**metadata.annotations, revisions.REVISION: str(revision)}
            metadata = replace(metadata, annotations=annotations)
        if status is deployment.status and metadata is deployment.metadata:
            return
        self._deployment = await self._client.update_status(
            replace(deployment, metadata=metadata, status=status)
        )

    def _condition(self, status: str, reason: str, message: str) -> DeploymentCondition:
        return progress.new_condition(PROGRESSING, status, reason, message, self._environment.now())

    def _say(self, type_: str, reason: str, message: str) -> None:
        self._environment.recorder.event(self._deployment, type_, reason, message)
