"""What a configuration change makes of a configuration (Raft dissertation §4; etcd-io/raft's ``confchange``).

A simple change adds or removes one voter at most, so that any majority before and any after it overlap. Everything else goes
through a joint configuration, in which a majority of the old voters and one of the new must agree.
"""

from kube.store.raft.messages import (
    NO_NODE,
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
    ConfState,
)


class ConfChangeError(Exception):
    """The change can't be made from this configuration; the text says why."""


def leaves_joint(change: ConfChange) -> bool:
    return not change.changes and change.transition is ConfChangeTransition.AUTO


def enters_joint(change: ConfChange) -> bool:
    return change.transition is not ConfChangeTransition.AUTO or len(change.changes) > 1


def changed(conf: ConfState, change: ConfChange) -> ConfState:
    """The configuration after ``change``. Raises ConfChangeError."""
    if leaves_joint(change):
        return _leave_joint(conf)
    if conf.joint:
        raise ConfChangeError("the joint configuration must be left first")
    if enters_joint(change):
        return _enter_joint(conf, change)
    return _simple(conf, change)


def _enter_joint(conf: ConfState, change: ConfChange) -> ConfState:
    if not conf.voters:
        raise ConfChangeError("a configuration without voters can't become joint")
    draft = _Draft(conf, outgoing=conf.voters)
    draft.make(change.changes)
    return draft.conf(auto_leave=change.transition is not ConfChangeTransition.JOINT_EXPLICIT)


def _leave_joint(conf: ConfState) -> ConfState:
    if not conf.joint:
        raise ConfChangeError("the configuration is not joint, there is nothing to leave")
    return ConfState(conf.voters, tuple(sorted({*conf.learners, *conf.learners_next})))


def _simple(conf: ConfState, change: ConfChange) -> ConfState:
    draft = _Draft(conf, outgoing=())
    draft.make(change.changes)
    if len(draft.voters ^ set(conf.voters)) > 1:
        raise ConfChangeError("more than one voter would change without a joint configuration")
    return draft.conf(auto_leave=False)


class _Draft:
    """A configuration while changes are made to it. What votes in ``outgoing`` does so until the joint configuration is left."""

    __slots__ = ("learners", "learners_next", "outgoing", "voters")

    def __init__(self, conf: ConfState, outgoing: tuple[int, ...]) -> None:
        self.voters = set(conf.voters)
        self.learners = set(conf.learners)
        self.learners_next: set[int] = set()
        self.outgoing = outgoing

    def make(self, changes: tuple[ConfChangeSingle, ...]) -> None:
        for change in changes:
            node = change.node
            if node == NO_NODE or change.type is ConfChangeType.UPDATE_NODE:
                continue
            if change.type is ConfChangeType.ADD_LEARNER_NODE and node in self.learners:
                continue
            for group in (self.voters, self.learners, self.learners_next):
                group.discard(node)
            if change.type is ConfChangeType.ADD_NODE:
                self.voters.add(node)
            elif change.type is ConfChangeType.ADD_LEARNER_NODE:
                # Nobody is a voter and a learner at once.
                (self.learners_next if node in self.outgoing else self.learners).add(node)
        if not self.voters:
            raise ConfChangeError("no voter would be left")

    def conf(self, *, auto_leave: bool) -> ConfState:
        return ConfState(
            tuple(sorted(self.voters)),
            tuple(sorted(self.learners)),
            tuple(sorted(self.outgoing)),
            tuple(sorted(self.learners_next)),
            auto_leave,
        )
