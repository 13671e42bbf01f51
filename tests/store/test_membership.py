"""The table of members: etcd's rules for its changes, and ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.administration import MemberInfo
from kube.store.errors import (
    MemberExistsError,
    MemberNotFoundError,
    MemberNotLearnerError,
    PeerURLExistsError,
    StoreError,
    TooManyLearnersError,
)
from kube.store.membership import (
    MemberTable,
    cluster_id,
    initial_members,
    member_id,
    refused,
)
from kube.store.raft.messages import ConfChange, ConfChangeSingle, ConfChangeType
from kube.store.urls import parse_initial_cluster

ADD, LEARNER = ConfChangeType.ADD_NODE, ConfChangeType.ADD_LEARNER_NODE
REMOVE, UPDATE = ConfChangeType.REMOVE_NODE, ConfChangeType.UPDATE_NODE


def info(id_: int, *, name: str = "", learner: bool = False, url: str = "") -> MemberInfo:
    return MemberInfo(id_, name, (url or f"http://m{id_}:2380",), (), learner)


def change(kind: ConfChangeType, node: int, *infos: MemberInfo) -> ConfChange:
    return ConfChange((ConfChangeSingle(kind, node),), context=infos)


THREE = MemberTable.of([info(1, name="a"), info(2, name="b"), info(3, name="c")], removed=[9])
WITH_LEARNER = MemberTable.of([*THREE.members, info(4, learner=True)], removed=[9])


@pytest.mark.parametrize(
    ("table", "wanted", "error"),
    [
        pytest.param(THREE, change(ADD, 2, info(2)), MemberExistsError, id="add one that is there"),
        pytest.param(THREE, change(ADD, 9, info(9)), MemberNotFoundError, id="add one that was removed"),
        pytest.param(
            THREE, change(ADD, 5, info(5, url="http://m1:2380")), PeerURLExistsError, id="add a url again"
        ),
        pytest.param(
            WITH_LEARNER, change(LEARNER, 5, info(5)), TooManyLearnersError, id="add a second learner"
        ),
        pytest.param(THREE, change(REMOVE, 7), MemberNotFoundError, id="remove nobody"),
        pytest.param(THREE, change(REMOVE, 9), MemberNotFoundError, id="remove twice"),
        pytest.param(THREE, change(UPDATE, 7, info(7)), MemberNotFoundError, id="update nobody"),
        pytest.param(
            THREE, change(UPDATE, 2, info(2, url="http://m1:2380")), PeerURLExistsError, id="update to a url"
        ),
        pytest.param(THREE, change(ADD, 7), MemberNotFoundError, id="promote nobody"),
        pytest.param(THREE, change(ADD, 2), MemberNotLearnerError, id="promote a voter"),
    ],
)
def test_a_change_that_etcd_refuses_is_refused(
    table: MemberTable, wanted: ConfChange, error: type[StoreError]
) -> None:
    with pytest.raises(error):
        table.check(wanted)
    with pytest.raises(error):
        table.changed(wanted)
    assert all(single.node == 0 for single in refused(wanted).changes)


@pytest.mark.parametrize(
    ("table", "wanted", "members", "removed"),
    [
        pytest.param(THREE, change(ADD, 5, info(5)), (*THREE.members, info(5)), (9,), id="add"),
        pytest.param(
            THREE, change(LEARNER, 4, info(4)), (*THREE.members, info(4, learner=True)), (9,), id="learner"
        ),
        pytest.param(WITH_LEARNER, change(ADD, 4), (*THREE.members, info(4)), (9,), id="promote"),
        pytest.param(THREE, change(REMOVE, 2), (THREE.members[0], THREE.members[2]), (2, 9), id="remove"),
        pytest.param(
            THREE,
            change(UPDATE, 2, info(2, url="http://new:1")),
            (THREE.members[0], info(2, name="b", url="http://new:1"), THREE.members[2]),
            (9,),
            id="update keeps the name",
        ),
        pytest.param(
            THREE,
            change(UPDATE, 2, info(2)),
            THREE.members,
            (9,),
            id="update to its own url",
        ),
    ],
)
def test_a_change_makes_of_the_table_what_it_says(
    table: MemberTable, wanted: ConfChange, members: tuple[MemberInfo, ...], removed: tuple[int, ...]
) -> None:
    assert table.changed(wanted) == MemberTable(members, removed)


def test_who_adds_cannot_tell_for_the_new_member_that_it_has_started() -> None:
    boasting = MemberInfo(5, "e", ("http://m5:1",), ("http://m5:2",), is_learner=True)
    assert THREE.changed(change(ADD, 5, boasting)).get(5) == MemberInfo(5, "", ("http://m5:1",))


def test_a_member_that_starts_tells_its_name_and_where_it_serves() -> None:
    table = THREE.changed(change(ADD, 5, info(5))).published(5, "e", ("http://m5:2379",))
    assert table.get(5) == MemberInfo(5, "e", ("http://m5:2380",), ("http://m5:2379",))
    assert table.published(9, "ghost", ()) == table


def started(count: int, of: int) -> MemberTable:
    return MemberTable.of(info(id_, name="x" if id_ <= count else "") for id_ in range(1, of + 1))


@pytest.mark.parametrize(
    ("table", "add", "promote"),
    [
        pytest.param(started(1, 1), True, True, id="the second member"),
        pytest.param(started(2, 2), True, True, id="the third member"),
        pytest.param(started(1, 2), False, True, id="the third while the second has not started"),
        pytest.param(started(3, 3), True, True, id="the fourth member"),
        pytest.param(started(2, 3), False, True, id="the fourth while one has not started"),
        pytest.param(started(1, 3), False, False, id="the fourth while two have not started"),
    ],
)
def test_members_that_never_start_keep_others_from_joining(
    table: MemberTable, add: bool, promote: bool
) -> None:
    assert table.may_add_voter() is add
    assert table.may_promote() is promote


@pytest.mark.parametrize(
    ("table", "member", "may"),
    [
        pytest.param(started(3, 3), 1, True, id="one of three"),
        pytest.param(started(2, 3), 3, True, id="the one that has not started"),
        pytest.param(started(2, 3), 1, False, id="one of two that have started"),
        pytest.param(started(2, 2), 1, True, id="one of two"),
        pytest.param(started(1, 1), 1, False, id="the last one"),
    ],
)
def test_a_member_may_leave_while_a_majority_of_the_rest_has_started(
    table: MemberTable, member: int, may: bool
) -> None:
    assert table.may_remove_voter(member) is may


@given(
    st.lists(
        st.sampled_from([ADD, LEARNER, REMOVE, UPDATE]).flatmap(
            lambda kind: st.tuples(st.just(kind), st.integers(1, 5), st.integers(1, 6), st.booleans())
        ),
        max_size=30,
    )
)
def test_no_history_of_changes_breaks_the_table(
    steps: list[tuple[ConfChangeType, int, int, bool]],
) -> None:
    table = MemberTable()
    for kind, node, url, with_info in steps:
        infos = (info(node, url=f"http://u{url}:1"),) if with_info else ()
        try:
            table = table.changed(change(kind, node, *infos))
        except StoreError:
            continue
        ids = [each.id for each in table.members]
        urls = [each for member in table.members for each in member.peer_urls]
        assert ids == sorted(set(ids))
        assert len(urls) == len(set(urls))
        assert not set(ids) & set(table.removed)
        assert sum(each.is_learner for each in table.members) <= 1


def test_ids_depend_on_urls_token_and_the_time_of_adding() -> None:
    urls = ("http://a:1", "http://b:1")
    assert member_id(urls, "t") == member_id(reversed(urls), "t")
    ids = {member_id(urls, "t"), member_id(urls, "u"), member_id(urls[:1], "t"), member_id(urls, "t", 7)}
    assert len(ids) == 4
    assert all(0 < id_ < 1 << 64 for id_ in ids)
    assert cluster_id([1, 2]) == cluster_id([2, 1]) != cluster_id([1, 3])


def test_the_initial_cluster_gives_every_member_the_same_ids() -> None:
    one = initial_members(parse_initial_cluster("a=http://h:1,b=http://h:2,b=http://h:3"), "t")
    other = initial_members(parse_initial_cluster("b=http://h:3,a=http://h:1,b=http://h:2"), "t")
    assert one == other
    assert [len(each.peer_urls) for each in one] in ([1, 2], [2, 1])
    assert not any(each.name for each in one)
