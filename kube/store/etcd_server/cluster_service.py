"""etcd's Cluster service: who the members are, and changing that."""

from typing import ClassVar

from kube.store.administration import MemberInfo
from kube.store.etcd_server.service import Service
from kube.store.etcdpb import messages


def member(info: MemberInfo) -> messages.Member:
    return messages.Member(
        ID=info.id,
        name=info.name,
        peerURLs=info.peer_urls,
        clientURLs=info.client_urls,
        isLearner=info.is_learner,
    )


class ClusterService(Service):
    name = "etcdserverpb.Cluster"
    serves: ClassVar = {
        "MemberAdd": "add",
        "MemberRemove": "remove",
        "MemberUpdate": "update",
        "MemberList": "list",
        "MemberPromote": "promote",
    }

    async def _members(self) -> list[messages.Member]:
        """As they are here: who asked has an answer because the change is applied here, and a member that is removed can ask nobody."""
        return [member(info) for info in await self.store.members(linearizable=False)]

    async def add(self, request: messages.MemberAddRequest) -> messages.MemberAddResponse:
        added = await self.store.add_member(tuple(request.peerURLs), learner=request.isLearner)
        return messages.MemberAddResponse(
            header=await self.current_header(), member=member(added), members=await self._members()
        )

    async def remove(self, request: messages.MemberRemoveRequest) -> messages.MemberRemoveResponse:
        await self.store.remove_member(request.ID)
        return messages.MemberRemoveResponse(
            header=await self.current_header(), members=await self._members()
        )

    async def update(self, request: messages.MemberUpdateRequest) -> messages.MemberUpdateResponse:
        await self.store.update_member(request.ID, tuple(request.peerURLs))
        return messages.MemberUpdateResponse(
            header=await self.current_header(), members=await self._members()
        )

    async def list(self, request: messages.MemberListRequest) -> messages.MemberListResponse:
        found = await self.store.members(linearizable=request.linearizable)
        return messages.MemberListResponse(
            header=await self.current_header(), members=[member(info) for info in found]
        )

    async def promote(self, request: messages.MemberPromoteRequest) -> messages.MemberPromoteResponse:
        await self.store.promote_member(request.ID)
        return messages.MemberPromoteResponse(
            header=await self.current_header(), members=await self._members()
        )
