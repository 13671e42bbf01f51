"""Making and deleting pods for an owner, with the events that say so.

Semantics: RealPodControl and slowStartBatch of pkg/controller.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct

from kube.api.types.core_v1 import Pod, PodTemplateSpec
from kube.apimachinery.errors import ApiError, is_not_found
from kube.apimachinery.meta.accessor import owner_reference
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.names import name_is_dns_subdomain
from kube.client.events import NORMAL, WARNING
from kube.client.keys import meta_namespace_key
from kube.controllers.expectations import Expectations
from kube.controllers.framework import Environment

R = TypeVar("R")

BURST: Final = 500
"""Pods that are made, or deleted, before their controller waits to see them."""

NAMESPACE_TERMINATING: Final = "NamespaceTerminating"


def pod_prefix(owner_name: str) -> str:
    """What the names of an owner's pods begin with: ``NAME-``, or ``NAME`` where that is no valid beginning."""
    prefix = f"{owner_name}-"
    return owner_name if name_is_dns_subdomain(prefix, prefix=True) else prefix


def pod_from_template(template: PodTemplateSpec, owner: Any) -> Pod:
    """A pod of the template, to be named by the server, that ``owner`` controls."""
    metadata = template.metadata
    return Pod(
        metadata=ObjectMeta(
            generate_name=pod_prefix(owner.metadata.name),
            namespace=owner.metadata.namespace,
            labels=metadata.labels,
            annotations=metadata.annotations,
            finalizers=metadata.finalizers,
            owner_references=(owner_reference(owner),),
        ),
        spec=template.spec,
    )


def slow_start(count: int) -> Iterator[int]:
    """The sizes of batches 1, 2, 4, … that add up to ``count``."""
    size = 1
    while count > 0:
        batch = min(size, count)
        yield batch
        count -= batch
        size *= 2


def is_namespace_terminating(error: BaseException | None) -> bool:
    return isinstance(error, ApiError) and error.has_cause(NAMESPACE_TERMINATING)


class Outcome(Struct, frozen=True):
    """How many of the calls went well, and the first error."""

    done: int
    error: Exception | None = None


class PodControl(Struct, frozen=True):
    """Expectations are raised before the first call, and lowered for each call that fails or is not made."""

    environment: Environment
    expectations: Expectations

    async def create(
        self, key: str, owner: Any, pods: Sequence[Pod], deletions: Sequence[str] = ()
    ) -> Outcome:
        """Create in batches of slow start until one batch has failed. A namespace that is going is no error.

        ``deletions`` are keys of pods whose deletion, by a later ``delete_unexpected``, is expected together with this.
        """
        self.expectations.expect(key, creations=len(pods), deletions=deletions)
        tried = done = 0
        for size in slow_start(len(pods)):
            outcome = await self._create_batch(key, owner, pods[tried : tried + size])
            tried += size
            done += outcome.done
            if outcome.error is not None:
                self.expectations.creation_observed(key, len(pods) - tried)
                return Outcome(done, None if is_namespace_terminating(outcome.error) else outcome.error)
        return Outcome(done)

    async def _create_batch(self, key: str, owner: Any, pods: Sequence[Pod]) -> Outcome:
        client, recorder = self.environment.client, self.environment.recorder
        results = await self._gather(key, [_bound(client.create, pod) for pod in pods])
        done, first = 0, None
        for result in results:
            if not isinstance(result, Exception):
                done += 1
                recorder.event(owner, NORMAL, "SuccessfulCreate", f"Created pod: {result.metadata.name}")
                continue
            self.expectations.creation_observed(key)
            first = first or result
            if not is_namespace_terminating(result):
                recorder.event(owner, WARNING, "FailedCreate", f"Error creating: {result}")
        return Outcome(done, first)

    async def delete(self, key: str, owner: Any, pods: Sequence[Pod]) -> Outcome:
        """Delete all side by side, and expect to see that. A pod that is gone is no error."""
        self.expectations.expect(key, deletions=[meta_namespace_key(pod) for pod in pods])
        return await self.delete_unexpected(key, owner, pods)

    async def delete_unexpected(self, key: str, owner: Any, pods: Sequence[Pod]) -> Outcome:
        """As ``delete``, for pods whose deletion is expected already or need not be."""
        client, recorder = self.environment.client, self.environment.recorder

        def deletion(pod: Pod) -> Callable[[], Awaitable[Any]]:
            return lambda: client.delete(Pod, pod.metadata.name, namespace=pod.metadata.namespace)

        results = await self._gather(key, [deletion(pod) for pod in pods])
        done, first = 0, None
        for pod, result in zip(pods, results, strict=True):
            name = pod.metadata.name
            if not isinstance(result, Exception):
                done += 1
                recorder.event(owner, NORMAL, "SuccessfulDelete", f"Deleted pod: {name}")
                continue
            self.expectations.deletion_observed(key, meta_namespace_key(pod))
            if is_not_found(result):
                done += 1
                continue
            recorder.event(owner, WARNING, "FailedDelete", f"Error deleting: {result}")
            first = first or result
        return Outcome(done, first)

    async def _gather(self, key: str, calls: Sequence[Callable[[], Awaitable[R]]]) -> list[R | Exception]:
        try:
            return await self.environment.gather(calls)
        except BaseException:
            self.expectations.forget(key)  # what was done of the calls is unknown
            raise


def _bound(create: Callable[[Pod], Awaitable[Pod]], pod: Pod) -> Callable[[], Awaitable[Pod]]:
    return lambda: create(pod)
