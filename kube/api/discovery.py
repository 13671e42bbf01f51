"""The discovery documents, derived from the resource table.

Legacy: ``/api``, ``/apis``, ``/apis/GROUP`` and a resource list for each group version. Aggregated
(KEP-3352): everything under ``/api`` or ``/apis`` in one document with an ETag. Documents are made on
first use and again after the table has changed.
"""

from hashlib import sha512
from typing import Final

import msgspec
from msgspec import Struct

from kube.api.resources import GroupInfo, Resource, ResourceTable, Subresource
from kube.api.types.apidiscovery_v2 import (
    APIGroupDiscovery,
    APIGroupDiscoveryList,
    APIResourceDiscovery,
    APISubresourceDiscovery,
    APIVersionDiscovery,
)
from kube.apimachinery.meta.v1 import (
    APIGroup,
    APIGroupList,
    APIResource,
    APIResourceList,
    APIVersions,
    GroupVersionForDiscovery,
    GroupVersionKind,
    ObjectMeta,
    ServerAddressByClientCIDR,
)

AGGREGATED_GROUP: Final = "apidiscovery.k8s.io"
AGGREGATED_VERSIONS: Final = ("v2", "v2beta1")
"""Versions of the aggregated document that clients may ask for; their shape is the same."""

ANY_ADDRESS: Final = "0.0.0.0/0"


class AggregatedDocument(Struct, frozen=True):
    """The aggregated document with its JSON and the ETag of that."""

    document: APIGroupDiscoveryList
    body: bytes
    etag: str


class _Documents:
    """What was derived from one revision of the table."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.groups: APIGroupList | None = None
        self.resources: dict[tuple[str, str], APIResourceList] = {}
        self.aggregated: dict[tuple[bool, str], AggregatedDocument] = {}


class Discovery:
    """The documents of one resource table."""

    def __init__(self, table: ResourceTable) -> None:
        self._table = table
        self._cached = _Documents(table.revision)

    def _documents(self) -> _Documents:
        if self._cached.revision != self._table.revision:
            self._cached = _Documents(self._table.revision)
        return self._cached

    def api_versions(self, server_address: str) -> APIVersions:
        """``/api``; ``server_address`` is ``host:port`` as clients reach the server."""
        core = next((group.versions for group in self._table.groups() if not group.name), ())
        address = ServerAddressByClientCIDR(client_cidr=ANY_ADDRESS, server_address=server_address)
        return APIVersions(versions=core, server_address_by_client_cidrs=(address,))

    def group_list(self) -> APIGroupList:
        """``/apis``."""
        documents = self._documents()
        if documents.groups is None:
            named = (group for group in self._table.groups() if group.name)
            documents.groups = APIGroupList(groups=tuple(map(_api_group, named)))
        return documents.groups

    def group(self, name: str) -> APIGroup | None:
        """``/apis/GROUP``; None if no such group is served."""
        for group in self.group_list().groups:
            if group.name == name:
                return msgspec.structs.replace(group, kind="APIGroup", api_version="v1")
        return None

    def resource_list(self, group: str, version: str) -> APIResourceList | None:
        """``/apis/GROUP/VERSION`` or ``/api/v1``; None if no such version is served."""
        cached = self._documents().resources
        if (group, version) not in cached:
            rows = self._table.in_group_version(group, version)
            if not rows:
                return None
            cached[group, version] = APIResourceList(
                group_version=rows[0].api_version,
                resources=tuple(entry for row in rows for entry in _api_resources(row)),
            )
        return cached[group, version]

    def aggregated(self, *, core: bool, version: str = "v2") -> AggregatedDocument:
        """``/api`` (``core``) or ``/apis``, as ``apidiscovery.k8s.io/VERSION``."""
        cached = self._documents().aggregated
        if (core, version) not in cached:
            api_version = f"{AGGREGATED_GROUP}/{version}"
            items = tuple(
                self._group_discovery(group, api_version)
                for group in self._table.groups()
                if core == (group.name == "")
            )
            document = APIGroupDiscoveryList(api_version=api_version, items=items)
            body = msgspec.json.encode(document)
            etag = f'"{sha512(body).hexdigest().upper()}"'
            cached[core, version] = AggregatedDocument(document, body, etag)
        return cached[core, version]

    def _group_discovery(self, group: GroupInfo, api_version: str) -> APIGroupDiscovery:
        return APIGroupDiscovery(
            api_version=api_version,
            metadata=ObjectMeta(name=group.name),
            versions=tuple(
                APIVersionDiscovery(
                    version=version,
                    resources=tuple(map(_resource, self._table.in_group_version(group.name, version))),
                    freshness="Current",
                )
                for version in group.versions
            ),
        )


def _api_group(group: GroupInfo) -> APIGroup:
    versions = tuple(
        GroupVersionForDiscovery(group_version=f"{group.name}/{version}", version=version)
        for version in group.versions
    )
    return APIGroup(name=group.name, versions=versions, preferred_version=versions[0])


def _api_resources(row: Resource) -> list[APIResource]:
    entries = [
        APIResource(
            name=row.plural,
            singular_name=row.singular,
            namespaced=row.namespaced,
            kind=row.kind,
            verbs=row.verbs,
            short_names=row.short_names,
            categories=row.categories,
            storage_version_hash=row.storage_version_hash,
        )
    ]
    for subresource in row.subresources:
        group, version = _foreign(row, subresource)
        entries.append(
            APIResource(
                name=f"{row.plural}/{subresource.name}",
                namespaced=row.namespaced,
                group=group,
                version=version,
                kind=subresource.kind,
                verbs=subresource.verbs,
            )
        )
    return entries


def _foreign(row: Resource, subresource: Subresource) -> tuple[str, str]:
    """Group and version of a subresource's kind, empty where they are the resource's own."""
    home = (subresource.group, subresource.version)
    return ("", "") if home == row.group_version else home


def _resource(row: Resource) -> APIResourceDiscovery:
    return APIResourceDiscovery(
        resource=row.plural,
        response_kind=GroupVersionKind(kind=row.kind),
        scope="Namespaced" if row.namespaced else "Cluster",
        singular_resource=row.singular,
        verbs=row.verbs,
        short_names=row.short_names,
        categories=row.categories,
        subresources=tuple(_subresource(row, subresource) for subresource in row.subresources),
    )


def _subresource(row: Resource, subresource: Subresource) -> APISubresourceDiscovery:
    group, version = _foreign(row, subresource)
    return APISubresourceDiscovery(
        subresource=subresource.name,
        response_kind=GroupVersionKind(group=group, version=version, kind=subresource.kind),
        verbs=subresource.verbs,
    )
