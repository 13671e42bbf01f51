"""Brings a deployment's replica sets to its template and size.

Semantics: DeploymentController of pkg/controller/deployment.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from kube.api.helpers.pods import is_pod_terminal
from kube.api.types.apps_v1 import Deployment, ReplicaSet
from kube.api.types.core_v1 import Pod
from kube.apimachinery.errors import is_not_found
from kube.apimachinery.labels import Selector, from_label_selector
from kube.client.events import WARNING
from kube.client.keys import meta_namespace_key, split_meta_namespace_key
from kube.client.lister import Lister
from kube.controllers.dependents import DependentObserver
from kube.controllers.deployment.arithmetic import is_rolling
from kube.controllers.deployment.sync import DeploymentSync
from kube.controllers.framework import CONFLICT_PAUSE, Environment, Result, Watch, own_key
from kube.controllers.ownership import BY_CONTROLLER, INDEXES, RefManager, owner_of
from kube.controllers.staleness import is_stale


def _selector(deployment: Deployment) -> Selector:
    return from_label_selector(deployment.spec.selector)


class DeploymentController:
    """One key is ``namespace/name`` of a deployment."""

    name = "deployment"
    workers = 5

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._deployments: Lister[Deployment] = environment.listers.lister(Deployment)
        self._sets: Lister[ReplicaSet] = environment.listers.lister(ReplicaSet)
        self._pods: Lister[Pod] = environment.listers.lister(Pod)
        self._refs = RefManager(environment.client, environment.gather)

    def watches(self) -> Sequence[Watch[Any]]:
        observer = DependentObserver("Deployment", "apps", self._deployments, _selector)
        return (
            Watch(Deployment, own_key),
            Watch(ReplicaSet, observer, INDEXES),
            Watch(Pod, self._pod_keys, INDEXES),
        )

    def _pod_keys(self, old: Pod | None, new: Pod | None) -> Iterable[str]:
        """Recreate waits for the end of pods, which replica sets do not tell of once they have 0 replicas."""
        if old is None or (new is not None and not (is_pod_terminal(new) and not is_pod_terminal(old))):
            return ()
        owner = owner_of(old, "ReplicaSet", "apps", self._sets)
        deployment = None if owner is None else owner_of(owner, "Deployment", "apps", self._deployments)
        if deployment is None or is_rolling(deployment):
            return ()
        return (meta_namespace_key(deployment),)

    async def reconcile(self, key: str) -> Result:
        namespace, name = split_meta_namespace_key(key)
        deployment = self._deployments.get(namespace, name)
        if deployment is None:
            return Result()
        try:
            return await self._sync(deployment)
        except Exception as error:
            if is_stale(error, name):
                return Result(CONFLICT_PAUSE)
            raise

    async def _sync(self, deployment: Deployment) -> Result:
        selector = _selector(deployment)
        if selector.empty:
            await self._refuse(deployment)
            return Result()
        sets = await self._refs.claim(deployment, selector, self._sets, ReplicaSet)
        sync = DeploymentSync(self._environment, deployment, sets, self._pods_of)
        return Result(await sync.run())

    def _pods_of(self, replica_set: ReplicaSet) -> Sequence[Pod]:
        return self._pods.by_index(BY_CONTROLLER, replica_set.metadata.uid)

    async def _refuse(self, deployment: Deployment) -> None:
        self._environment.recorder.event(
            deployment,
            WARNING,
            "SelectingAll",
            "This deployment is selecting all pods. A non-empty selector is required.",
        )
        generation = deployment.metadata.generation
        if deployment.status.observed_generation >= generation:
            return
        status = replace(deployment.status, observed_generation=generation)
        try:
            await self._environment.client.update_status(replace(deployment, status=status))
        except Exception as error:
            if not is_not_found(error):
                raise
