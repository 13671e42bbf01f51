"""etcd's Maintenance service: status, alarms, hashes, snapshots, the leader's place."""

import re
from typing import ClassVar, Final

from kube.store.administration import Alarm, AlarmType
from kube.store.backup.file import backup_bytes
from kube.store.errors import Code, NoLeaderError
from kube.store.etcd_server.calls import StreamingCall
from kube.store.etcd_server.service import Service
from kube.store.etcd_server.status import RpcError
from kube.store.etcdpb import messages

SERVER_VERSION: Final = "3.5.21"
"""The version of etcd whose API and behaviour this is. Clients choose what they ask for by it."""

_VERSION: Final = re.compile(r"v?\d+\.\d+(\.\d+)?([-+].*)?")


class MaintenanceService(Service):
    name = "etcdserverpb.Maintenance"
    serves: ClassVar = {
        "Alarm": "alarm",
        "Status": "status",
        "Defragment": "defragment",
        "Hash": "hash",
        "HashKV": "hash_kv",
        "Snapshot": "snapshot",
        "MoveLeader": "move_leader",
        "Downgrade": "downgrade",
    }

    async def alarm(self, request: messages.AlarmRequest) -> messages.AlarmResponse:
        """Raises RpcError for an alarm or an action that etcd does not have.

        As in etcd, an alarm of no type is none, and one request disarms one alarm of one member: clients list them and disarm each.
        """
        try:
            wanted = Alarm(request.memberID, AlarmType(request.alarm))
        except ValueError as error:
            raise RpcError(Code.INVALID_ARGUMENT, f"etcdserver: invalid alarm: {error}") from None
        if request.action == messages.AlarmRequest.GET:
            alarms = tuple(
                each for each in await self.store.alarms() if wanted.type in {AlarmType.NONE, each.type}
            )
        elif request.action == messages.AlarmRequest.ACTIVATE:
            alarms = (wanted,) if wanted.type else ()
            for each in alarms:
                await self.store.raise_alarm(each)
        elif request.action == messages.AlarmRequest.DEACTIVATE:
            alarms = await self.store.disarm(wanted) if wanted in await self.store.alarms() else ()
        else:
            raise RpcError(Code.INVALID_ARGUMENT, f"etcdserver: invalid action on alarms: {request.action}")
        return messages.AlarmResponse(
            header=await self.current_header(),
            alarms=[messages.AlarmMember(memberID=each.member, alarm=each.type) for each in alarms],
        )

    async def status(self, request: messages.StatusRequest) -> messages.StatusResponse:  # noqa: ARG002  # every method's signature
        status = await self.store.status()
        errors = list(status.errors)
        if not status.leader and NoLeaderError.message not in errors:
            errors.append(NoLeaderError.message)
        return messages.StatusResponse(
            header=self.header(status.revision),
            version=SERVER_VERSION,
            dbSize=status.db_size,
            leader=status.leader,
            raftIndex=status.raft_index,
            raftTerm=status.raft_term,
            raftAppliedIndex=status.raft_applied_index,
            errors=errors,
            dbSizeInUse=status.db_size_in_use,
            isLearner=status.is_learner,
        )

    async def defragment(self, request: messages.DefragmentRequest) -> messages.DefragmentResponse:  # noqa: ARG002  # as above
        await self.store.defragment()
        return messages.DefragmentResponse(header=await self.current_header())

    async def hash(self, request: messages.HashRequest) -> messages.HashResponse:  # noqa: ARG002  # as above
        found = await self.store.hash_kv()
        return messages.HashResponse(header=self.header(found.revision), hash=found.hash)

    async def hash_kv(self, request: messages.HashKVRequest) -> messages.HashKVResponse:
        found = await self.store.hash_kv(max(request.revision, 0))
        return messages.HashKVResponse(
            header=await self.current_header(), hash=found.hash, compact_revision=found.compact_revision
        )

    async def snapshot(self, call: StreamingCall) -> None:
        """The pieces as the store gives them, with the number of bytes that follow each."""
        async for _ in call:
            break
        header = await self.current_header()
        left = 0
        async for piece in self.store.snapshot():
            left = (left or backup_bytes(piece)) - len(piece)
            await call.send(messages.SnapshotResponse(header=header, remaining_bytes=left, blob=piece))

    async def move_leader(self, request: messages.MoveLeaderRequest) -> messages.MoveLeaderResponse:
        await self.store.move_leader(request.targetID)
        return messages.MoveLeaderResponse(header=await self.current_header())

    async def downgrade(self, request: messages.DowngradeRequest) -> messages.DowngradeResponse:
        """There is no older version of this store to go back to: as etcd answers for a version that it can't become."""
        if request.action == messages.DowngradeRequest.CANCEL:
            raise RpcError(Code.FAILED_PRECONDITION, "etcdserver: no inflight downgrade job")
        if not _VERSION.fullmatch(request.version):
            raise RpcError(Code.INVALID_ARGUMENT, "etcdserver: wrong downgrade target version format")
        raise RpcError(Code.INVALID_ARGUMENT, "etcdserver: invalid downgrade target version")
