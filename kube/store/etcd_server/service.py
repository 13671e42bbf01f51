"""What all services of etcd's API have in common: the table of their methods, and the header of every response."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from kube.store.administration import AdministeredStore
from kube.store.etcd_server.calls import Endpoint
from kube.store.etcdpb import messages
from kube.store.etcdpb.descriptors import methods


class Service:
    """One service. ``name`` as the table of methods has it; ``serves``: a method's name there, and the attribute that serves it."""

    name: ClassVar[str]
    serves: ClassVar[Mapping[str, str]]

    def __init__(self, store: AdministeredStore) -> None:
        self.store = store

    def endpoints(self) -> dict[str, Endpoint]:
        """By path."""
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


def endpoints_of(services: Iterable[Service]) -> dict[str, Endpoint]:
    """Of all of them, by path."""
    return {path: each for service in services for path, each in service.endpoints().items()}
