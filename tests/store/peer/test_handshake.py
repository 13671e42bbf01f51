"""Whom a listening member lets in, and what it tells the others."""

import pytest

from kube.store.peer.handshake import Admission, Channel, Hello, Reason

HERE = Admission(cluster=0xC, member=2, members=(1, 2, 3), removed=(9,), applied=10)


@pytest.mark.parametrize(
    "hello",
    [
        pytest.param(Hello(0xC, 1, 2, Channel.MESSAGES), id="a member"),
        pytest.param(
            Hello(0xC, 1, 0, Channel.MESSAGES), id="a member that does not know whose address it is"
        ),
        pytest.param(Hello(0xC, 1, 2, Channel.SNAPSHOT), id="a member with a snapshot"),
        pytest.param(
            Hello(0xC, 7, 2, Channel.MESSAGES, applied=11),
            id="one that may have joined in an entry yet to come",
        ),
        pytest.param(Hello(0, 0, 0, Channel.MEMBERS), id="whoever asks for the members and knows nothing"),
        pytest.param(Hello(0xC, 3, 0, Channel.MEMBERS), id="a member that asks for the members"),
    ],
)
def test_who_is_let_in(hello: Hello) -> None:
    assert HERE.refusal(hello) is None


@pytest.mark.parametrize(
    ("hello", "reason", "detail"),
    [
        pytest.param(
            Hello(0xD, 1, 2, Channel.MESSAGES),
            Reason.CLUSTER,
            "its cluster id is d, the one here is c",
            id="another cluster's",
        ),
        pytest.param(
            Hello(0, 1, 2, Channel.MESSAGES), Reason.CLUSTER, "is 0", id="no cluster's, for messages"
        ),
        pytest.param(
            Hello(0xD, 1, 0, Channel.MEMBERS), Reason.CLUSTER, "is d", id="another cluster's, who asks"
        ),
        pytest.param(
            Hello(0xC, 9, 2, Channel.MESSAGES), Reason.REMOVED, "member 9 was removed", id="a removed one"
        ),
        pytest.param(
            Hello(0xC, 9, 2, Channel.MESSAGES, applied=99),
            Reason.REMOVED,
            "member 9 was removed",
            id="a removed one whose log is ahead",
        ),
        pytest.param(
            Hello(0xC, 1, 3, Channel.MESSAGES),
            Reason.MEMBER,
            "it looks for member 3, this is 2",
            id="one that looks for another",
        ),
        pytest.param(
            Hello(0xC, 7, 2, Channel.MESSAGES, applied=10),
            Reason.UNKNOWN,
            "member 7 does not belong to the cluster",
            id="a stranger that is not ahead",
        ),
        pytest.param(
            Hello(0xC, 7, 0, Channel.MEMBERS),
            Reason.UNKNOWN,
            "member 7 does not belong",
            id="a stranger who asks",
        ),
    ],
)
def test_who_is_refused_and_why(hello: Hello, reason: Reason, detail: str) -> None:
    refusal = HERE.refusal(hello)
    assert refusal is not None
    assert refusal.reason is reason
    assert detail in refusal.detail
