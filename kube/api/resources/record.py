"""One row of the resource table, and what follows from it alone: paths, keys, names, types."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib import import_module
from typing import Any, Literal

from msgspec import Struct

from kube.api.resources.selectable import SelectableField, field_set

Method = Literal["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"]

StructType = type[Struct]

_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_STABILITY = {"alpha": 0, "beta": 1, None: 2}


def version_priority(version: str) -> tuple[int, int, int, str]:
    """A sort key, preferred first: ``v2``, ``v1``, ``v1beta2``, ``v1alpha1``, then the rest by name."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (1, 0, 0, version)
    major, stability, minor = match.groups()
    return (-_STABILITY[stability], -int(major), -int(minor or 0), "")


@cache
def _load(reference: str) -> StructType:
    module, _, name = reference.partition(":")
    found: StructType = getattr(import_module(module), name)
    return found


class Subresource(Struct, frozen=True, kw_only=True):
    """A subresource of a resource, ``pods/exec``.

    ``group`` and ``version`` are those of ``kind``, the type of the request and response body; for a
    connection (exec, attach, portforward, proxy) ``kind`` is the type of its query parameters instead,
    and for a log the query parameters' type is ``options``.
    """

    name: str
    kind: str
    group: str
    version: str
    verbs: tuple[str, ...]
    methods: tuple[Method, ...] = ()
    """HTTP methods of a connection, whatever the verb that is authorized; empty for other subresources."""
    takes_path: bool = False
    """Whether the rest of the URL belongs to the backend (proxy)."""
    options: str = ""
    """Kind of the query parameters, where they are not the usual ones of the verb."""
    also_accepts: tuple[tuple[str, str], ...] = ()
    """Further group and version pairs of ``kind`` that are read from a request body."""
    module: str = ""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def is_connection(self) -> bool:
        return bool(self.methods)

    @property
    def type(self) -> StructType:
        """The Struct of ``kind``."""
        return _load(f"{self.module}:{self.kind}")


class Resource(Struct, frozen=True, kw_only=True):
    """One served version of one resource.

    Versions of a resource that share a storage have equal ``storage_group``, ``storage_resource`` and
    ``storage_version``: autoscaling v1 and v2, and core and events.k8s.io Events.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    list_kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    """Sorted by name, as discovery gives them."""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    """Sorted by name."""
    selectable_fields: tuple[SelectableField, ...] = ()
    """Labels that a fieldSelector may name beyond metadata.name and metadata.namespace."""
    field_error: str = ""
    """The message for any other label, with ``{label}``; empty for the kinds without own labels."""
    generation: bool = False
    """Whether ``metadata.generation`` starts at 1 and grows with each change outside of status."""
    returns_deleted: bool = False
    """Whether a completed DELETE answers with the object instead of a Status."""
    stored: bool = True
    """False for what is computed or only created: reviews, bindings, componentstatuses."""
    deprecation: str = ""
    """What every answer warns of: since when, and what to use instead."""
    storage_group: str
    storage_version: str
    storage_prefix: str
    """Below ``/registry/``, without slashes at its ends: ``pods``, ``services/specs``."""
    type_reference: str
    """``module:Name`` of the Struct."""
    list_type_reference: str = ""

    @property
    def api_version(self) -> str:
        """``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_version(self) -> tuple[str, str]:
        return (self.group, self.version)

    @property
    def gvr(self) -> tuple[str, str, str]:
        return (self.group, self.version, self.plural)

    @property
    def gvk(self) -> tuple[str, str, str]:
        return (self.group, self.version, self.kind)

    @property
    def group_resource(self) -> str:
        """``pods``, ``deployments.apps``: how error messages name the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage_gvk(self) -> tuple[str, str, str]:
        return (self.storage_group, self.storage_version, self.kind)

    @property
    def is_storage_version(self) -> bool:
        """Whether objects of this version are what the store holds."""
        return self.stored and self.group_version == (self.storage_group, self.storage_version)

    @property
    def storage_version_hash(self) -> str:
        """The discovery field: 8 bytes of the SHA-256 of the storage version's kind; empty if not stored."""
        if not self.stored:
            return ""
        return b64encode(sha256("/".join(self.storage_gvk).encode()).digest()[:8]).decode()

    @property
    def type(self) -> StructType:
        """The Struct of the kind; its module is imported on first use."""
        return _load(self.type_reference)

    @property
    def list_type(self) -> StructType:
        """The Struct of the list kind. Raises LookupError for a resource that cannot be listed."""
        if not self.list_type_reference:
            raise LookupError(f"{self.group_resource} has no list kind")
        return _load(self.list_type_reference)

    def subresource(self, name: str) -> Subresource | None:
        for subresource in self.subresources:
            if subresource.name == name:
                return subresource
        return None

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path; without a namespace that of the cluster-wide collection."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        parts = [root, scope, "/", self.plural]
        if name:
            parts += ["/", name]
        if subresource:
            parts += ["/", subresource]
        return "".join(parts)

    def prefix(self, namespace: str = "") -> str:
        """The store's key prefix of all objects, or of those of one namespace; ends in a slash."""
        if self.namespaced and namespace:
            return f"/registry/{self.storage_prefix}/{namespace}/"
        return f"/registry/{self.storage_prefix}/"

    def key(self, namespace: str, name: str) -> str:
        """The store's key of one object."""
        return f"{self.prefix(namespace)}{name}"

    def accepts_field_label(self, label: str) -> bool:
        """Whether a fieldSelector may name ``label``."""
        if label == "metadata.name" or any(field.label == label for field in self.selectable_fields):
            return True
        return label == "metadata.namespace" and (self.namespaced or not self.field_error)

    def unknown_field_label(self, label: str) -> str:
        """What is said of a label that :meth:`accepts_field_label` refuses."""
        if self.field_error:
            return self.field_error.format(label=label)
        return f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"'

    def field_set(self, obj: Any) -> dict[str, str]:
        """The values that a field selector compares, by label."""
        return field_set(self.selectable_fields, obj)
