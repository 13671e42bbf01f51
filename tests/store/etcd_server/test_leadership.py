"""Who may be served while nobody leads, or by a member that only learns."""

import pytest

from kube.base.clock import FakeClock
from kube.store.errors import LearnerError, NoLeaderError, StoppedError
from kube.store.etcd_server.calls import Endpoint, Head
from kube.store.etcd_server.leadership import Leadership
from kube.store.etcdpb import messages
from kube.store.etcdpb.descriptors import methods
from kube.store.kv import StoreStatus


class Member:
    """What is asked of a store."""

    def __init__(self, leader: int = 1, *, learner: bool = False, stopped: bool = False) -> None:
        self.leader = leader
        self.learner = learner
        self.stopped = stopped

    async def status(self) -> StoreStatus:
        if self.stopped:
            raise StoppedError
        return StoreStatus(1, (1,), self.leader, 1, 1, 1, 1, 0, 0, 0, 0, is_learner=self.learner)


def endpoint(path: str) -> Endpoint:
    return Endpoint(path, methods()[path].request, print, is_streaming=methods()[path].streams_requests)


async def look(member: Member) -> Leadership:
    leadership = Leadership(member, FakeClock())
    await leadership._look()
    return leadership


@pytest.mark.parametrize(
    ("path", "request_", "served"),
    [
        pytest.param(
            "/etcdserverpb.KV/Range", messages.RangeRequest(serializable=True), True, id="its own state"
        ),
        pytest.param("/etcdserverpb.KV/Range", messages.RangeRequest(), False, id="the state of all"),
        pytest.param("/etcdserverpb.KV/Put", messages.PutRequest(), False, id="a write"),
        pytest.param("/etcdserverpb.Maintenance/Status", messages.StatusRequest(), True, id="its status"),
        pytest.param("/etcdserverpb.Maintenance/Snapshot", None, True, id="a snapshot"),
        pytest.param("/etcdserverpb.Watch/Watch", None, False, id="a watch"),
    ],
)
async def test_what_a_learner_serves(path: str, request_: object, served: bool) -> None:
    leadership = await look(Member(learner=True))
    head = Head(path, None, {})
    assert leadership.needs_check(head)
    if served:
        await leadership.check(head, endpoint(path), request_)  # type: ignore[arg-type]  # a message, or none
    else:
        with pytest.raises(LearnerError):
            await leadership.check(head, endpoint(path), request_)  # type: ignore[arg-type]  # as above


async def test_a_learner_that_was_promoted_serves_at_once() -> None:
    member = Member(learner=True)
    leadership = await look(member)
    member.learner = False
    path = "/etcdserverpb.KV/Put"
    await leadership.check(Head(path, None, {}), endpoint(path), messages.PutRequest())
    assert not leadership.needs_check(Head(path, None, {}))


async def test_a_voter_checks_only_who_asks_for_it() -> None:
    leadership = await look(Member())
    path = "/etcdserverpb.KV/Put"
    assert not leadership.needs_check(Head(path, None, {}))
    asking = Head(path, None, {"hasleader": "true"})
    assert leadership.needs_check(asking)
    await leadership.check(asking, endpoint(path), messages.PutRequest())


@pytest.mark.parametrize(
    "member", [Member(leader=0), Member(stopped=True)], ids=["nobody leads", "nobody runs"]
)
@pytest.mark.parametrize(("value", "served"), [("true", False), ("false", True)])
async def test_without_a_leader(member: Member, value: str, served: bool) -> None:
    leadership = await look(member)
    assert not leadership.healthy
    path = "/etcdserverpb.KV/Put"
    head = Head(path, None, {"hasleader": value})
    if served:
        await leadership.check(head, endpoint(path), messages.PutRequest())
    else:
        with pytest.raises(NoLeaderError):
            await leadership.check(head, endpoint(path), messages.PutRequest())


async def test_a_change_is_told() -> None:
    member = Member()
    leadership = await look(member)
    changed = leadership.changed()
    await leadership._look()
    assert not changed.done()
    member.leader = 0
    await leadership._look()
    assert changed.done()
    assert not leadership.changed().done()
