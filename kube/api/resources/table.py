"""A cluster's resource table: the built-in rows and those that come and go with custom resources."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from kube.api.resources.builtin import BUILTIN, GROUPS
from kube.api.resources.record import Resource, version_priority

CUSTOM_GROUP_PRIORITY = 1000
"""Where groups of custom resources stand: after all built-in ones, by name."""
CUSTOM_VERSION_PRIORITY = 100


class GroupInfo(Struct, frozen=True):
    """A group as discovery shows it, its preferred version first."""

    name: str
    versions: tuple[str, ...]


class ResourceTable:
    """Look-ups over the served resources. One per cluster; reading it is cheap, changing it is rare.

    ``revision`` grows with every change, so that whoever derives documents knows when they are stale.
    """

    def __init__(
        self,
        resources: Iterable[Resource],
        priorities: Mapping[tuple[str, str], tuple[int, int]] | None = None,
    ) -> None:
        """``priorities`` maps a group and version to the priorities of the group and of the version in it."""
        self.revision = 0
        self._priorities = dict(priorities or {})
        self._rows: dict[tuple[str, str, str], Resource] = {}
        self._kinds: dict[tuple[str, str, str], Resource] = {}
        self._words: dict[str, tuple[Resource, ...]] | None = None
        self._groups: tuple[GroupInfo, ...] | None = None
        self._builtin: frozenset[tuple[str, str, str]] = frozenset()
        for resource in resources:
            self._put(resource)
        self._builtin = frozenset(self._rows)

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, gvr: tuple[str, str, str]) -> bool:
        return gvr in self._rows

    def get(self, group: str, version: str, plural: str) -> Resource | None:
        """The row of a URL, ``("apps", "v1", "deployments")``; None if it is not served."""
        return self._rows.get((group, version, plural))

    def by_kind(self, group: str, version: str, kind: str) -> Resource | None:
        """The row of an object's apiVersion and kind; None if it is not served."""
        return self._kinds.get((group, version, kind))

    def by_api_version(self, api_version: str, kind: str) -> Resource | None:
        """As :meth:`by_kind`, with ``apps/v1`` or ``v1`` in one piece."""
        group, slash, version = api_version.partition("/")
        return self._kinds.get((group, version, kind) if slash else ("", group, kind))

    def kinds(self, kind: str) -> tuple[Resource, ...]:
        """All rows of a kind, across groups and versions, in the order of discovery."""
        return tuple(row for row in self._ordered() if row.kind == kind)

    def versions_of(self, group: str, plural: str) -> tuple[Resource, ...]:
        """All served versions of one resource, preferred first."""
        return tuple(row for row in self._ordered() if row.group == group and row.plural == plural)

    def preferred(self, group: str, plural: str) -> Resource | None:
        """The row of the resource's preferred version."""
        return next(iter(self.versions_of(group, plural)), None)

    def resolve(self, word: str) -> tuple[Resource, ...]:
        """Rows that a user may mean: plural, singular, short name or kind in any case, in discovery order."""
        if self._words is None:
            words: dict[str, dict[tuple[str, str, str], Resource]] = {}
            for row in self._ordered():
                for name in (row.plural, row.singular, row.kind.lower(), *row.short_names):
                    words.setdefault(name, {})[row.gvr] = row
            self._words = {name: tuple(rows.values()) for name, rows in words.items()}
        return self._words.get(word.lower(), ())

    def in_category(self, category: str) -> tuple[Resource, ...]:
        return tuple(row for row in self._ordered() if category in row.categories)

    def in_group_version(self, group: str, version: str) -> tuple[Resource, ...]:
        """The rows of one group version, by plural."""
        rows = [row for row in self._rows.values() if row.group_version == (group, version)]
        return tuple(sorted(rows, key=lambda row: row.plural))

    def groups(self) -> tuple[GroupInfo, ...]:
        """Groups in the order of discovery, the core group (named "") first."""
        if self._groups is None:
            versions: dict[str, set[str]] = {}
            for row in self._rows.values():
                versions.setdefault(row.group, set()).add(row.version)
            infos = [
                GroupInfo(group, self._sorted_versions(group, found)) for group, found in versions.items()
            ]
            self._groups = tuple(sorted(infos, key=self._group_order))
        return self._groups

    def group_versions(self) -> tuple[tuple[str, str], ...]:
        return tuple((group.name, version) for group in self.groups() for version in group.versions)

    def storage_of(self, resource: Resource) -> Resource | None:
        """The row whose Struct the store holds for ``resource``; itself where it is stored as it is served."""
        if not resource.stored:
            return None
        return self._kinds.get(resource.storage_gvk, resource)

    def storages(self) -> tuple[Resource, ...]:
        """One row per storage, so one per watch cache: the storage versions of all stored resources."""
        found: dict[str, Resource] = {}
        for row in self._rows.values():
            if (home := self.storage_of(row)) is not None:
                found.setdefault(home.prefix(), home)
        return tuple(found.values())

    def add(
        self,
        resource: Resource,
        *,
        group_priority: int = CUSTOM_GROUP_PRIORITY,
        version_priority: int = CUSTOM_VERSION_PRIORITY,
    ) -> None:
        """Serve a further row, or replace one that was added. Raises ValueError for a built-in one."""
        if resource.gvr in self._builtin:
            raise ValueError(f"{resource.group_resource} {resource.version} is built in")
        self._priorities.setdefault(resource.group_version, (group_priority, version_priority))
        self._put(resource)

    def remove(self, group: str, version: str, plural: str) -> None:
        """Stop serving a row that was added. Raises KeyError if there is none, ValueError for a built-in one."""
        gvr = (group, version, plural)
        if gvr in self._builtin:
            raise ValueError(f"{plural}.{group} {version} is built in")
        row = self._rows.pop(gvr)
        self._kinds.pop(row.gvk, None)
        self._changed()

    def _put(self, resource: Resource) -> None:
        replaced = self._rows.get(resource.gvr)
        if replaced is not None:
            self._kinds.pop(replaced.gvk, None)
        self._rows[resource.gvr] = resource
        self._kinds[resource.gvk] = resource
        self._changed()

    def _changed(self) -> None:
        self.revision += 1
        self._words = None
        self._groups = None

    def _priority(self, group: str, version: str) -> tuple[int, int]:
        return self._priorities.get((group, version), (CUSTOM_GROUP_PRIORITY, CUSTOM_VERSION_PRIORITY))

    def _sorted_versions(self, group: str, versions: Collection[str]) -> tuple[str, ...]:
        return tuple(
            sorted(
                versions, key=lambda version: (-self._priority(group, version)[1], version_priority(version))
            )
        )

    def _group_order(self, group: GroupInfo) -> tuple[bool, int, str]:
        priority = max(self._priority(group.name, version)[0] for version in group.versions)
        return (group.name != "", -priority, group.name)

    def _ordered(self) -> list[Resource]:
        order = {group_version: at for at, group_version in enumerate(self.group_versions())}
        return sorted(self._rows.values(), key=lambda row: (order[row.group_version], row.plural))


def builtin_table(runtime_config: Mapping[str, bool] | None = None) -> ResourceTable:
    """A fresh table of the built-in resources.

    ``runtime_config`` switches group versions on and off as kube-apiserver's flag of that name does:
    ``{"scheduling.k8s.io/v1beta1": True}``, and ``api/all`` for all. Beta versions are off by default.
    """
    config = runtime_config or {}
    off = {(group.name, version) for group in GROUPS for version in group.off_by_default}

    def served(row: Resource) -> bool:
        fallback = config.get("api/all", row.group_version not in off)
        return config.get(row.api_version, fallback)

    priorities = {
        (group.name, version): (group.priority, priority)
        for group in GROUPS
        for version, priority in group.versions.items()
    }
    return ResourceTable((row for row in BUILTIN if served(row)), priorities)
