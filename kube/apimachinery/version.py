"""Names of API groups, versions, kinds and resources, and their text forms.

Source: k8s.io/apimachinery/pkg/runtime/schema. These are names to look up by; the wire types of the same names are in
`meta.v1`.
"""

from __future__ import annotations

from typing import Self

import msgspec


class GroupVersion(msgspec.Struct, frozen=True, order=True):
    """An API group and version; the core group is the empty string. Text: `apps/v1`, `v1`."""

    group: str
    version: str

    @classmethod
    def parse(cls, api_version: str) -> Self:
        """From an object's `apiVersion`. Raises ValueError in upstream's words."""
        group, slash, version = api_version.partition("/")
        if not slash:
            return cls("", api_version)
        if "/" in version:
            raise ValueError(f"unexpected GroupVersion string: {api_version}")
        return cls(group, version)

    def __str__(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def with_kind(self, kind: str) -> GroupVersionKind:
        return GroupVersionKind(self.group, self.version, kind)

    def with_resource(self, resource: str) -> GroupVersionResource:
        return GroupVersionResource(self.group, self.version, resource)


class GroupKind(msgspec.Struct, frozen=True, order=True):
    """A kind in any version. Text: `Deployment.apps`, `Pod`."""

    group: str
    kind: str

    @classmethod
    def parse(cls, text: str) -> Self:
        kind, _, group = text.partition(".")
        return cls(group, kind)

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class GroupResource(msgspec.Struct, frozen=True, order=True):
    """A resource in any version. Text: `deployments.apps`, `pods`."""

    group: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        resource, _, group = text.partition(".")
        return cls(group, resource)

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


class GroupVersionKind(msgspec.Struct, frozen=True, order=True):
    """Text: `apps/v1, Kind=Deployment`, `/v1, Kind=Pod`."""

    group: str
    version: str
    kind: str

    @classmethod
    def of(cls, api_version: str, kind: str) -> Self:
        """From an object's `apiVersion` and `kind`."""
        group_version = GroupVersion.parse(api_version)
        return cls(group_version.group, group_version.version, kind)

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    @property
    def group_version(self) -> GroupVersion:
        return GroupVersion(self.group, self.version)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Kind={self.kind}"


class GroupVersionResource(msgspec.Struct, frozen=True, order=True):
    """Text: `apps/v1, Resource=deployments`, `/v1, Resource=pods`."""

    group: str
    version: str
    resource: str

    @classmethod
    def of(cls, api_version: str, resource: str) -> Self:
        group_version = GroupVersion.parse(api_version)
        return cls(group_version.group, group_version.version, resource)

    @property
    def group_resource(self) -> GroupResource:
        return GroupResource(self.group, self.resource)

    @property
    def group_version(self) -> GroupVersion:
        return GroupVersion(self.group, self.version)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Resource={self.resource}"


def is_newer(left: str, right: str) -> bool:
    """Whether version left sorts before right by Kubernetes' rule: GA over beta over alpha, then the greater number.

    What is no such version comes last, in alphabetical order.
    """
    return version_priority(left) < version_priority(right)


_STAGES = {"": 0, "beta": 1, "alpha": 2}


def version_priority(version: str) -> tuple[int, int, int, str]:
    """A sort key by which the preferred version of a group comes first."""
    if version[:1] != "v":
        return (3, 0, 0, version)
    for stage, rank in reversed(_STAGES.items()):
        major, found, minor = version[1:].partition(stage) if stage else (version[1:], "", "0")
        if (found or not stage) and _is_number(major) and _is_number(minor, zero=not stage):
            return (rank, -int(major), -int(minor), version)
    return (3, 0, 0, version)


def _is_number(text: str, *, zero: bool = False) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10 and (zero or text[0] != "0")
