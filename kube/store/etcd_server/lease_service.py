"""etcd's Lease service."""

from typing import ClassVar

from kube.store.errors import LeaseNotFoundError
from kube.store.etcd_server.calls import StreamingCall
from kube.store.etcd_server.service import Service
from kube.store.etcdpb import messages


class LeaseService(Service):
    name = "etcdserverpb.Lease"
    serves: ClassVar = {
        "LeaseGrant": "grant",
        "LeaseRevoke": "revoke",
        "LeaseKeepAlive": "keep_alive",
        "LeaseTimeToLive": "time_to_live",
        "LeaseLeases": "leases",
    }

    async def grant(self, request: messages.LeaseGrantRequest) -> messages.LeaseGrantResponse:
        granted = await self.store.grant(request.TTL, request.ID)
        return messages.LeaseGrantResponse(header=await self.current_header(), ID=granted.id, TTL=granted.ttl)

    async def revoke(self, request: messages.LeaseRevokeRequest) -> messages.LeaseRevokeResponse:
        await self.store.revoke(request.ID)
        return messages.LeaseRevokeResponse(header=await self.current_header())

    async def keep_alive(self, call: StreamingCall) -> None:
        """A lease that is gone is answered with a TTL of 0, and the stream goes on."""
        async for request in call:
            header = await self.current_header()
            try:
                ttl = (await self.store.keep_alive(request.ID)).ttl
            except LeaseNotFoundError:
                ttl = 0
            await call.send(messages.LeaseKeepAliveResponse(header=header, ID=request.ID, TTL=ttl))

    async def time_to_live(
        self, request: messages.LeaseTimeToLiveRequest
    ) -> messages.LeaseTimeToLiveResponse:
        """A lease that is gone has a TTL of -1."""
        header = await self.current_header()
        try:
            status = await self.store.time_to_live(request.ID, keys=request.keys)
        except LeaseNotFoundError:
            return messages.LeaseTimeToLiveResponse(header=header, ID=request.ID, TTL=-1)
        return messages.LeaseTimeToLiveResponse(
            header=header,
            ID=status.id,
            TTL=int(status.ttl),
            grantedTTL=status.granted_ttl,
            keys=status.keys,
        )

    async def leases(self, request: messages.LeaseLeasesRequest) -> messages.LeaseLeasesResponse:  # noqa: ARG002  # every method's signature
        found = await self.store.leases()
        return messages.LeaseLeasesResponse(
            header=await self.current_header(), leases=[messages.LeaseStatus(ID=lease) for lease in found]
        )
