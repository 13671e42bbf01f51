"""Configurations and their changes: dissertation §4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.raft.confchange import ConfChangeError, changed
from kube.store.raft.messages import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
    ConfState,
)
from tests.store.raft.properties import overlap
from tests.store.raft.scenario_text import CHANGES

EXPLICIT, IMPLICIT = ConfChangeTransition.JOINT_EXPLICIT, ConfChangeTransition.JOINT_IMPLICIT
LEAVE = ConfChange()

SINGLES = st.builds(ConfChangeSingle, st.sampled_from(ConfChangeType), st.integers(0, 6))
CONF_CHANGES = st.builds(
    ConfChange,
    st.lists(SINGLES, max_size=4).map(tuple),
    st.sampled_from(ConfChangeTransition),
)


def change(text: str, transition: ConfChangeTransition = ConfChangeTransition.AUTO) -> ConfChange:
    """``v1 l2 r3``: voter, learner, removed."""
    return ConfChange(
        tuple(ConfChangeSingle(CHANGES[each[0]], int(each[1:])) for each in text.split()), transition
    )


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        pytest.param(ConfState((1,)), "v2", ConfState((1, 2)), id="a voter"),
        pytest.param(ConfState((1,)), "l2", ConfState((1,), (2,)), id="a learner"),
        pytest.param(ConfState((1,), (2,)), "v2", ConfState((1, 2)), id="a promotion"),
        pytest.param(ConfState((1, 2)), "l2", ConfState((1,), (2,)), id="a demotion"),
        pytest.param(ConfState((1, 2)), "r2", ConfState((1,)), id="a voter removed"),
        pytest.param(ConfState((1,), (2,)), "r2", ConfState((1,)), id="a learner removed"),
        pytest.param(ConfState((1,)), "r9", ConfState((1,)), id="a stranger removed"),
        pytest.param(ConfState((1,)), "v0", ConfState((1,)), id="nobody"),
        pytest.param(ConfState((1,)), "u1", ConfState((1,)), id="an update"),
        pytest.param(ConfState((1,), (2,)), "l2", ConfState((1,), (2,)), id="a learner again"),
        pytest.param(ConfState(), "v1", ConfState((1,)), id="the first voter"),
        pytest.param(
            ConfState((1,)), "v2 v3", ConfState((1, 2, 3), (), (1,), (), True), id="several are joint"
        ),
        pytest.param(
            ConfState((1, 2, 3)),
            "l3 v4",
            ConfState((1, 2, 4), (), (1, 2, 3), (3,), True),
            id="a demotion is staged while the old configuration votes",
        ),
        pytest.param(
            ConfState((1, 2), (3,)),
            "r3 l4",
            ConfState((1, 2), (4,), (1, 2), (), True),
            id="learners alone may be joint too",
        ),
        pytest.param(
            ConfState((1, 2)), "r2 v2", ConfState((1, 2), (), (1, 2), (), True), id="the last word counts"
        ),
    ],
)
def test_changes(before: ConfState, text: str, after: ConfState) -> None:
    assert changed(before, change(text)) == after


@pytest.mark.parametrize(
    ("transition", "auto_leave"),
    [pytest.param(IMPLICIT, True, id="implicit"), pytest.param(EXPLICIT, False, id="explicit")],
)
def test_a_single_change_may_ask_to_be_joint(transition: ConfChangeTransition, auto_leave: bool) -> None:
    assert changed(ConfState((1,)), change("v2", transition)) == ConfState((1, 2), (), (1,), (), auto_leave)


def test_leaving_makes_learners_of_those_that_were_staged() -> None:
    joint = ConfState((1, 4), (5,), (1, 2, 3), (2,), True)
    assert changed(joint, LEAVE) == ConfState((1, 4), (2, 5))


@pytest.mark.parametrize(
    ("before", "wanted", "reason"),
    [
        pytest.param(ConfState((1,)), LEAVE, "not joint", id="nothing to leave"),
        pytest.param(ConfState((1,), (), (1, 2)), change("v3"), "left first", id="a change while joint"),
        pytest.param(ConfState((1,), (), (1, 2)), change("v3 v4"), "left first", id="joint while joint"),
        pytest.param(ConfState(), change("v1 v2"), "without voters", id="joint from nothing"),
        pytest.param(ConfState((1,)), change("r1"), "no voter", id="the last voter removed"),
        pytest.param(ConfState((1,), (2,)), change("l1", EXPLICIT), "no voter", id="the last voter demoted"),
    ],
)
def test_what_can_not_be(before: ConfState, wanted: ConfChange, reason: str) -> None:
    with pytest.raises(ConfChangeError, match=reason):
        changed(before, wanted)


@given(st.lists(CONF_CHANGES, max_size=12))
def test_any_sequence_keeps_configurations_sound(changes: list[ConfChange]) -> None:
    conf = ConfState((1, 2, 3))
    for each in changes:
        try:
            after = changed(conf, each)
        except ConfChangeError:
            continue
        assert after.voters
        assert set(after.learners).isdisjoint({*after.voters, *after.voters_outgoing})
        assert set(after.learners_next) <= set(after.voters_outgoing) - set(after.voters)
        if not after.joint:
            assert (after.learners_next, after.auto_leave) == ((), False)
        groups = (after.voters, after.learners, after.voters_outgoing, after.learners_next)
        assert all(list(group) == sorted(set(group)) for group in groups)
        assert overlap(conf, after)
        conf = after
