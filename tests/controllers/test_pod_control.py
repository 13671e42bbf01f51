import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from objects import meta, template

from kube.api.types.apps_v1 import ReplicaSet
from kube.apimachinery.errors import ApiError, forbidden, not_found
from kube.apimachinery.meta.v1 import StatusCause, StatusDetails
from kube.base.clock import FakeClock
from kube.controllers.expectations import Expectations
from kube.controllers.framework import Environment
from kube.controllers.pod_control import PodControl, pod_from_template, pod_prefix, slow_start

OWNER = ReplicaSet(metadata=meta("web", uid="u1"))
FORBIDDEN = forbidden("pods", "", "exceeded quota")
TERMINATING = ApiError(
    403,
    "Forbidden",
    "is being terminated",
    StatusDetails(causes=(StatusCause(reason="NamespaceTerminating"),)),
)


class Client:
    """Answers each call with the next of ``answers``, then well."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = 0

    def _answer(self):
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer

    async def create(self, pod):
        self._answer()
        return replace(pod, metadata=replace(pod.metadata, name=f"web-{self.calls}"))

    async def delete(self, _kind, _name, *, namespace):
        assert namespace == "default"
        self._answer()


class Recorder:
    def __init__(self):
        self.said = []

    def event(self, _obj, type_, reason, message):
        self.said.append((type_, reason, message))


async def in_turn(calls):
    results = []
    for call in calls:
        try:
            results.append(await call())
        except ApiError as error:
            results.append(error)
    return results


@pytest.fixture
def make():
    def make(*answers):
        clock = FakeClock()
        environment = Environment(
            client=Client(*answers),
            listers=None,
            recorder=Recorder(),
            now=clock.now,
            monotonic=clock.monotonic,
            chance=None,
            gather=in_turn,
            enqueue_after=lambda _key, _seconds: None,
        )
        return PodControl(environment, Expectations(clock.monotonic))

    return make


@given(st.integers(0, 5000))
def test_slow_start_adds_up_and_doubles(count):
    sizes = list(slow_start(count))
    assert sum(sizes) == count
    assert sizes[:-1] == [2**i for i in range(len(sizes) - 1)]
    assert not sizes or 0 < sizes[-1] <= 2 ** (len(sizes) - 1)


async def test_creations_are_expected_until_they_are_seen(make):
    control = make()
    outcome = await control.create("k", OWNER, [pod_from_template(template(), OWNER)] * 3)
    assert (outcome.done, outcome.error) == (3, None)
    assert not control.expectations.satisfied("k")
    control.expectations.creation_observed("k", 3)
    assert control.expectations.satisfied("k")
    assert control.environment.recorder.said[0] == ("Normal", "SuccessfulCreate", "Created pod: web-1")


async def test_a_failed_batch_is_the_last_and_nothing_of_it_is_expected(make):
    control = make(None, FORBIDDEN, FORBIDDEN)
    outcome = await control.create("k", OWNER, [pod_from_template(template(), OWNER)] * 10)
    assert (outcome.done, outcome.error) == (1, FORBIDDEN)
    assert control.environment.client.calls == 3
    control.expectations.creation_observed("k")
    assert control.expectations.satisfied("k")
    assert control.environment.recorder.said[1] == ("Warning", "FailedCreate", f"Error creating: {FORBIDDEN}")


async def test_in_a_namespace_that_is_going_nothing_is_said(make):
    control = make(TERMINATING)
    outcome = await control.create("k", OWNER, [pod_from_template(template(), OWNER)])
    assert (outcome.done, outcome.error) == (0, None)
    assert control.environment.recorder.said == []
    assert control.expectations.satisfied("k")


async def test_deletions(make):
    control = make(None, not_found("pods", "b"), FORBIDDEN)
    pods = [replace(pod_from_template(template(), OWNER), metadata=meta(name)) for name in "abc"]
    outcome = await control.delete("k", OWNER, pods)
    assert (outcome.done, outcome.error) == (2, FORBIDDEN)
    assert not control.expectations.satisfied("k")
    control.expectations.deletion_observed("k", "default/a")
    assert control.expectations.satisfied("k")
    assert control.environment.recorder.said == [
        ("Normal", "SuccessfulDelete", "Deleted pod: a"),
        ("Warning", "FailedDelete", f"Error deleting: {FORBIDDEN}"),
    ]


@pytest.mark.parametrize(
    ("owner", "prefix"),
    [
        pytest.param("web", "web-", id="usual"),
        pytest.param("x" * 300, "x" * 300, id="too-long-for-a-dash"),
    ],
)
def test_prefix(owner, prefix):
    assert pod_prefix(owner) == prefix


def test_a_pod_of_a_template():
    pod = pod_from_template(template(), OWNER)
    assert (pod.metadata.generate_name, pod.metadata.namespace) == ("web-", "default")
    assert pod.metadata.labels == {"app": "web"}
    (reference,) = pod.metadata.owner_references
    assert (reference.uid, reference.controller, reference.block_owner_deletion) == ("u1", True, True)
