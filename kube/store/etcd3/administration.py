"""etcd's Cluster and Maintenance services, as ``administration.Administration`` has them."""

from collections.abc import AsyncIterator

import grpc
import grpc.aio

from kube.store.administration import Alarm, AlarmType, HashKV, MemberInfo
from kube.store.errors import NotLeaderError
from kube.store.etcd3.client import CLUSTER, MAINTENANCE, Client
from kube.store.etcd3.convert import Message
from kube.store.etcd3.errors import Asked
from kube.store.etcdpb import messages

_GET, _ACTIVATE, _DEACTIVATE = range(3)
"""AlarmRequest.AlarmAction."""
_PIECE = 64 * 1024


class Administrator:
    """Implements ``administration.Administration``. What is of one member is asked of the one whose turn it is."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def cluster_id(self) -> int:
        """As the last answer had it; 0 before there was one. So are the other two."""
        return self._client.cluster_id

    @property
    def member_id(self) -> int:
        return self._client.member_id

    @property
    def raft_term(self) -> int:
        return self._client.raft_term

    # ---- members

    async def members(self, *, linearizable: bool = True) -> tuple[MemberInfo, ...]:
        request = messages.MemberListRequest(linearizable=linearizable)
        return _members(await self._client.call(CLUSTER + "List", request))

    async def add_member(self, peer_urls: tuple[str, ...], *, learner: bool = False) -> MemberInfo:
        request = messages.MemberAddRequest(peerURLs=peer_urls, isLearner=learner)
        response = await self._client.call(CLUSTER + "Add", request, is_write=True)
        return _member(response.member)

    async def remove_member(self, member: int) -> None:
        request = messages.MemberRemoveRequest(ID=member)
        await self._client.call(CLUSTER + "Remove", request, Asked(member=member), is_write=True)

    async def update_member(self, member: int, peer_urls: tuple[str, ...]) -> None:
        request = messages.MemberUpdateRequest(ID=member, peerURLs=peer_urls)
        await self._client.call(CLUSTER + "Update", request, Asked(member=member), is_write=True)

    async def promote_member(self, member: int) -> None:
        request = messages.MemberPromoteRequest(ID=member)
        await self._client.call(CLUSTER + "Promote", request, Asked(member=member), is_write=True)

    # ---- maintenance

    async def hash_kv(self, revision: int = 0) -> HashKV:
        """Of the whole etcd, whatever the prefix."""
        request = messages.HashKVRequest(revision=revision)
        response = await self._client.call(MAINTENANCE + "HashKV", request, Asked(revision=revision))
        self._client.compacted(response.compact_revision)
        return HashKV(response.hash, revision or response.header.revision, response.compact_revision)

    async def snapshot(self) -> AsyncIterator[bytes]:
        """What Maintenance.Snapshot sends, in pieces of at most 64 KiB: of the whole etcd, whatever the prefix.

        Raises StoreError, in the middle too.
        """
        client = self._client
        endpoint = client.endpoints.next()
        await client.ask(endpoint, MAINTENANCE + "Status", messages.StatusRequest())
        call = endpoint.method(MAINTENANCE + "Snapshot")(
            messages.SnapshotRequest(), metadata=await client.metadata(endpoint)
        )
        try:
            while (response := await call.read()) is not grpc.aio.EOF:
                blob = response.blob
                for start in range(0, len(blob), _PIECE):
                    yield blob[start : start + _PIECE]
        except grpc.aio.AioRpcError:
            raise await client.ended(call, endpoint) from None
        finally:
            call.cancel()

    async def alarms(self) -> tuple[Alarm, ...]:
        return await self._alarm(_GET, Alarm(0, AlarmType.NONE))

    async def raise_alarm(self, alarm: Alarm) -> None:
        await self._alarm(_ACTIVATE, alarm)

    async def disarm(self, alarm: Alarm) -> tuple[Alarm, ...]:
        """Etcd's server disarms one alarm of one member; all of them are disarmed one by one, as its clients do."""
        disarmed: list[Alarm] = []
        for each in await self.alarms():
            if alarm.member in {0, each.member} and alarm.type in {AlarmType.NONE, each.type}:
                disarmed += await self._alarm(_DEACTIVATE, each)
        return tuple(sorted(disarmed))

    async def _alarm(self, action: int, alarm: Alarm) -> tuple[Alarm, ...]:
        request = messages.AlarmRequest(action=action, memberID=alarm.member, alarm=int(alarm.type))
        response = await self._client.call(MAINTENANCE + "Alarm", request, is_write=action != _GET)
        return tuple(sorted(Alarm(each.memberID, AlarmType(each.alarm)) for each in response.alarms))

    async def defragment(self) -> None:
        """Every endpoint, one after the other: a member answers nothing else meanwhile."""
        for endpoint in self._client.endpoints:
            await self._client.ask(endpoint, MAINTENANCE + "Defragment", messages.DefragmentRequest())

    async def move_leader(self, target: int) -> None:
        """Only the leader can be asked, so it must be among the endpoints."""
        request = messages.MoveLeaderRequest(targetID=target)
        for endpoint in self._client.endpoints:
            try:
                await self._client.ask(endpoint, MAINTENANCE + "MoveLeader", request, Asked(member=target))
            except NotLeaderError:
                continue
            return
        raise NotLeaderError


def _members(response: Message) -> tuple[MemberInfo, ...]:
    return tuple(sorted(map(_member, response.members), key=lambda member: member.id))


def _member(member: Message) -> MemberInfo:
    return MemberInfo(
        member.ID, member.name, tuple(member.peerURLs), tuple(member.clientURLs), member.isLearner
    )
