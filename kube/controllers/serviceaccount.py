"""Every namespace has its default service account.

Semantics: ServiceAccountsController of pkg/controller/serviceaccount.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from kube.api.types.core_v1 import Namespace, ServiceAccount
from kube.apimachinery.errors import ApiError, is_already_exists, is_not_found
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client.lister import Lister
from kube.controllers.framework import Environment, Result, Watch, own_key

DEFAULT_NAME: Final = "default"
NAMESPACE_TERMINATING: Final = "NamespaceTerminating"
"""The cause that the server gives when it refuses content for a namespace that goes."""


def cannot_hold_content(error: ApiError) -> bool:
    """Whether a create was refused because its namespace is gone, or going."""
    return is_not_found(error) or error.has_cause(NAMESPACE_TERMINATING)


def _namespace_of(old: ServiceAccount | None, new: ServiceAccount | None) -> Iterable[str]:
    if new is None and old is not None and old.metadata.name == DEFAULT_NAME:
        return (old.metadata.namespace,)
    return ()


class ServiceAccountController:
    """One key is the name of a namespace."""

    name = "serviceaccount"
    workers = 1

    def __init__(self, environment: Environment) -> None:
        self._client = environment.client
        self._namespaces: Lister[Namespace] = environment.listers.lister(Namespace)
        self._accounts: Lister[ServiceAccount] = environment.listers.lister(ServiceAccount)

    def watches(self) -> Sequence[Watch[Any]]:
        return (Watch(Namespace, own_key), Watch(ServiceAccount, _namespace_of))

    async def reconcile(self, key: str) -> Result:
        namespace = self._namespaces.get("", key)
        if namespace is None or namespace.status.phase != "Active":
            return Result()
        if self._accounts.get(key, DEFAULT_NAME) is not None:
            return Result()
        try:
            await self._client.create(ServiceAccount(metadata=ObjectMeta(name=DEFAULT_NAME, namespace=key)))
        except ApiError as error:
            if not (is_already_exists(error) or cannot_hold_content(error)):
                raise
        return Result()
