"""The header of every response, and the service base that fills it."""

from collections.abc import Mapping
from typing import ClassVar

from kube.store.etcd_server.calls import Endpoint
from kube.store.etcdpb import messages
from kube.store.etcdpb.descriptors import methods
from kube.store.kv import AdministeredStore


class Service:
    """One service of the table: ``methods`` maps a method's name to the name of what serves it."""

    name: ClassVar[str]
    serves: ClassVar[Mapping[str, str]]

    def __init__(self, store: AdministeredStore) -> None:
        self.store = store

    def endpoints(self) -> dict[str, Endpoint]:
        table = methods()
        found: dict[str, Endpoint] = {}
        for method, attribute in self.serves.items():
            row = table[f"/{self.name}/{method}"]
            streaming = row.streams_requests or row.streams_responses
            found[row.path] = Endpoint(
                row.path, row.request, getattr(self, attribute), is_streaming=streaming
            )
        return found

    def header(self, revision: int) -> messages.ResponseHeader:
        """For a result that says at which revision it holds."""
        store = self.store
        return messages.ResponseHeader(
            cluster_id=store.cluster_id,
            member_id=store.member_id,
            revision=revision,
            raft_term=store.raft_term,
        )

    async def current_header(self) -> messages.ResponseHeader:
        """For a result that does not: with the revision of the member that is asked."""
        return self.header((await self.store.status()).revision)
