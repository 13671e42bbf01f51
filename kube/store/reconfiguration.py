"""``LocalStore`` over a member that runs alone: what etcd's Cluster service changes while the store runs.

A change is refused before it is proposed where the members that run now could not survive it (etcd's --strict-reconfig-check); the
table of members refuses it again when it is applied, where it is decided.
"""

import random

from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.store.administration import MemberInfo
from kube.store.config import StoreConfig
from kube.store.errors import NotEnoughStartedError, StoreError, UnhealthyClusterError
from kube.store.local import LocalStore
from kube.store.membership import MemberTable, member_id
from kube.store.peer.network import PeerNetwork
from kube.store.raft.messages import ConfChange, ConfChangeSingle, ConfChangeType
from kube.store.requests import MemberAttributes, size_of
from kube.store.standalone import CHANGE_BYTES, Standalone
from kube.store.urls import checked_member_urls

HEALTH_INTERVAL = 5.0
"""Seconds that all members must have been connected before a member may be added or removed (etcd's HealthInterval)."""
PUBLISH_AGAIN = 1.0


class StandaloneStore(LocalStore):
    """Implements ``administration.AdministeredStore`` for one member of several processes."""

    def __init__(
        self,
        config: StoreConfig,
        clock: Clock,
        rng: random.Random,
        front: Standalone,
        network: PeerNetwork,
        *,
        strict: bool = True,
        health_interval: float = HEALTH_INTERVAL,
    ) -> None:
        """``strict``: etcd's --strict-reconfig-check."""
        super().__init__(config, clock, rng, replicas=front)
        self.front = front
        self._clock = clock
        self._network = network
        self._strict = strict
        self._health_interval = health_interval
        self._log = get_logger(__name__)

    # ---- changes of members

    async def add_member(self, peer_urls: tuple[str, ...], *, learner: bool = False) -> MemberInfo:
        """Raises BadMemberURLsError, MemberExistsError, PeerURLExistsError, NotEnoughStartedError, UnhealthyClusterError,
        TooManyLearnersError.
        """
        urls = checked_member_urls(peer_urls)
        info = MemberInfo(
            member_id(urls, "", int(self._clock.now() * 1e6)), peer_urls=urls, is_learner=learner
        )
        kind = ConfChangeType.ADD_LEARNER_NODE if learner else ConfChangeType.ADD_NODE
        change = _change(kind, info.id, info)
        table = await self._checked(change)
        if self._strict:
            if not learner and not table.may_add_voter():
                raise NotEnoughStartedError
            if self._connected() < len(table.voters):
                raise UnhealthyClusterError
        await self._make(change)
        return info

    async def remove_member(self, member: int) -> None:
        """Raises MemberNotFoundError, NotEnoughStartedError, UnhealthyClusterError."""
        change = _change(ConfChangeType.REMOVE_NODE, member)
        table = await self._checked(change)
        if self._strict and not table.get(member).is_learner:
            if not table.may_remove_voter(member):
                raise NotEnoughStartedError
            up = member == self.front.id or self._network.active_since(member) is not None
            if up and self._connected() - 1 < 1 + (len(table.voters) - 1) // 2:
                raise UnhealthyClusterError
        await self._make(change)

    async def update_member(self, member: int, peer_urls: tuple[str, ...]) -> None:
        """Raises BadMemberURLsError, MemberNotFoundError, PeerURLExistsError."""
        info = MemberInfo(member, peer_urls=checked_member_urls(peer_urls))
        change = _change(ConfChangeType.UPDATE_NODE, member, info)
        await self._checked(change)
        await self._make(change)

    async def promote_member(self, member: int) -> None:
        """Raises MemberNotFoundError, MemberNotLearnerError, LearnerNotReadyError, NotEnoughStartedError."""
        await self.front.promote(member)

    async def _checked(self, change: ConfChange) -> MemberTable:
        """The newest table, which takes the change. Raises what ``MemberTable.check`` raises."""
        table = (await self.front.reader()).machine.members
        table.check(change)
        return table

    async def _make(self, change: ConfChange) -> None:
        await self.front.propose(change, CHANGE_BYTES)

    def _connected(self) -> int:
        """How many voters have been connected for the health interval, this one included."""
        since = self._clock.monotonic() - self._health_interval
        active = [self._network.active_since(each.id) for each in self.front.table.voters]
        own = any(each.id == self.front.id for each in self.front.table.voters)
        return own + sum(each is not None and each <= since for each in active)

    # ---- what the member tells of itself

    async def publish(self, name: str, client_urls: tuple[str, ...]) -> None:
        """Tell the others, through the log, that the member has started; again until it is done (etcd's ``publishV3``)."""
        request = MemberAttributes(self.front.id, name, client_urls)
        while True:
            own = [each for each in self.front.table.members if each.id == self.front.id]
            if own and own[0].name == name and own[0].client_urls == client_urls:
                return
            try:
                await self.front.propose(request, size_of(request))
                return
            except StoreError as error:
                self._log.info("the member could not tell its name yet", reason=str(error))
            await self._clock.sleep(PUBLISH_AGAIN)


def _change(kind: ConfChangeType, member: int, info: MemberInfo | None = None) -> ConfChange:
    return ConfChange((ConfChangeSingle(kind, member),), context=None if info is None else (info,))
