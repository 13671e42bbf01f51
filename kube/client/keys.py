"""The name of an object among those of its resource, as caches and work queues use it.

Semantics: client-go's ``cache.MetaNamespaceKeyFunc``: ``NAMESPACE/NAME``, or ``NAME`` without a namespace.
"""

from typing import Protocol

from kube.apimachinery.meta.v1 import ObjectMeta

Key = str


class HasMetadata(Protocol):
    """Every API object: a built-in type or a custom resource."""

    @property
    def metadata(self) -> ObjectMeta: ...


def key_of(namespace: str, name: str) -> Key:
    return f"{namespace}/{name}" if namespace else name


def meta_namespace_key(obj: HasMetadata) -> Key:
    metadata = obj.metadata
    return f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name


def split_meta_namespace_key(key: Key) -> tuple[str, str]:
    """Namespace and name. Raises ValueError for what is no key."""
    namespace, slash, name = key.partition("/")
    if not slash:
        return "", key
    if "/" in name:
        raise ValueError(f'unexpected key format: "{key}"')
    return namespace, name
