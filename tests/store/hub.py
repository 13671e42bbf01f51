"""Members that each run alone, as if in processes of their own, on one loop: a network of queues between them."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from kube.actors.runtime.ref import Ref
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import StoreMember
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.administration import MemberInfo
from kube.store.config import StoreConfig
from kube.store.membership import MemberTable
from kube.store.peer.network import PeerDisconnected, Talk
from kube.store.raft.messages import InstallSnapshot, Message
from kube.store.raft.storage import StableStorage
from kube.store.reconfiguration import StandaloneStore
from kube.store.standalone import Standalone, memory_storage
from kube.store.transport import Inbox, PeerUnreachable, SnapshotReported

CLUSTER = 0xC1


class Hub:
    """``cut``: members whom nothing reaches and from whom nothing comes. ``lost(message)``: it vanishes without a word."""

    def __init__(self) -> None:
        self.inboxes: dict[int, Callable[[Any], bool]] = {}
        self.cut: set[int] = set()
        self.lost: Callable[[Any], bool] = lambda _: False
        self.said: list[Talk] = []

    def reaches(self, from_: int, to: int) -> bool:
        return to in self.inboxes and not {from_, to} & self.cut

    def deliver(self, message: Any) -> None:
        """In a turn of the loop of its own, in the order in which it was sent."""
        if not self.lost(message):
            asyncio.get_running_loop().call_soon(self._arrive, message)

    def _arrive(self, message: Any) -> None:
        if self.reaches(message.from_, message.to):
            self.inboxes[message.to](message)

    def cut_off(self, member: int) -> None:
        self.cut.add(member)
        for other in self.inboxes:
            if other != member:
                self.inboxes[other](PeerDisconnected(member))
                self.inboxes[member](PeerDisconnected(other))


class HubNetwork:
    """Implements ``PeerNetwork`` for one member."""

    def __init__(self, hub: Hub, member: int) -> None:
        self._hub = hub
        self._member = member
        self.table = MemberTable()

    def attach(self, member: int, inbox: Inbox) -> None:
        self._hub.inboxes[member] = inbox

    def detach(self, member: int) -> None:
        self._hub.inboxes.pop(member, None)

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            reaches = self._hub.reaches(self._member, message.to)
            if reaches:
                self._hub.deliver(message)
            inbox = self._hub.inboxes.get(self._member)
            if inbox is None:
                continue
            if type(message) is InstallSnapshot:
                inbox(SnapshotReported(message.to, reaches))
            elif not reaches:
                inbox(PeerUnreachable(message.to))

    def say(self, message: Talk) -> bool:
        self._hub.said.append(message)
        if not self._hub.reaches(self._member, message.to):
            return False
        self._hub.deliver(message)
        return True

    def use(self, table: MemberTable) -> None:
        self.table = table

    def active_since(self, peer: int) -> float | None:
        return 0.0 if peer != self._member and self._hub.reaches(self._member, peer) else None


class World:
    def __init__(self) -> None:
        self.hub = Hub()
        self.guard = StallGuard(SystemClock())
        self.system = ActorSystem(clock=self.guard, chance=Chance(1))
        self.stores: dict[int, StandaloneStore] = {}
        self.refs: dict[int, Ref[Any]] = {}
        self.removed: list[int] = []

    async def start(
        self,
        table: MemberTable,
        member: int,
        *,
        seed: int = 0,
        storage: StableStorage | None = None,
        **options: Any,
    ) -> StandaloneStore:
        config = StoreConfig(tick=0.01, **options)
        network = HubNetwork(self.hub, member)
        front = Standalone(
            config,
            self.guard,
            random.Random(seed or member),
            member=member,
            cluster=CLUSTER,
            network=network,
            storage=storage or memory_storage(table),
            on_removed=lambda: self.removed.append(member),
        )
        store = StandaloneStore(
            config, self.guard, random.Random(member), front, network, health_interval=0.0
        )
        name = f"store-{member}-{seed}"
        self.refs[member] = await self.system.start(lambda: StoreMember(store, member), name=name)
        self.stores[member] = store
        return store

    async def replace(self, member: int, *, seed: int) -> StandaloneStore:
        """The member in another process, with what its storage has."""
        old = self.stores.pop(member)
        await self.system.stop_actor(self.refs[member])
        await old.aclose()
        return await self.start(MemberTable(), member, seed=seed, storage=old.front._here.storage)

    async def leader(self, *without: int) -> StandaloneStore:
        """Whom all but ``without`` take for it, themselves included."""
        asked = [store for member, store in self.stores.items() if member not in without]
        async with asyncio.timeout(10):
            while True:
                for store in asked:
                    if store.front.serving and all(each.leader == store.member_id for each in asked):
                        return store
                await asyncio.sleep(0.002)

    def others(self, *stores: StandaloneStore) -> list[StandaloneStore]:
        return [each for each in self.stores.values() if each not in stores]

    async def aclose(self) -> None:
        await self.system.stop()
        for store in self.stores.values():
            await store.aclose()
        self.guard.stop()


def members(count: int) -> MemberTable:
    return MemberTable.of(
        MemberInfo(number, f"m{number}", (f"http://127.0.0.1:{number}",)) for number in range(1, count + 1)
    )
