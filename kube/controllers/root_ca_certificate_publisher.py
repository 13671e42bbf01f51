"""Every namespace has the certificates by which its pods know the API server.

Semantics: Publisher of pkg/controller/certificates/rootcacertpublisher.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.core_v1 import ConfigMap, Namespace
from kube.apimachinery.errors import ApiError, is_already_exists
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client.lister import Lister
from kube.controllers.framework import Environment, Result, Watch, own_key
from kube.controllers.serviceaccount import cannot_hold_content

CONFIG_MAP: Final = "kube-root-ca.crt"
DATA_KEY: Final = "ca.crt"
ANNOTATION: Final = "kubernetes.io/description"
DESCRIPTION: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


def in_line(config_map: ConfigMap, root_ca: str) -> ConfigMap:
    """The config map as it has to be; itself where it is so already. Any description will do."""
    metadata, data = config_map.metadata, {DATA_KEY: root_ca}
    if metadata.annotations.get(ANNOTATION) and config_map.data == data:
        return config_map
    annotations = {**metadata.annotations, ANNOTATION: DESCRIPTION}
    return replace(config_map, metadata=replace(metadata, annotations=annotations), data=data)


def _namespace_key(old: Namespace | None, new: Namespace | None) -> Iterable[str]:
    return own_key(old, new) if new is not None else ()


def _namespace_of(old: ConfigMap | None, _new: ConfigMap | None) -> Iterable[str]:
    if old is not None and old.metadata.name == CONFIG_MAP:
        return (old.metadata.namespace,)
    return ()


class RootCACertificatePublisher:
    """One key is the name of a namespace. ``root_ca`` is PEM."""

    name = "root-ca-certificate-publisher"
    workers = 1

    def __init__(self, environment: Environment, root_ca: str) -> None:
        self._client = environment.client
        self._root_ca = root_ca
        self._namespaces: Lister[Namespace] = environment.listers.lister(Namespace)
        self._config_maps: Lister[ConfigMap] = environment.listers.lister(ConfigMap)

    def watches(self) -> Sequence[Watch[Any]]:
        return (Watch(Namespace, _namespace_key), Watch(ConfigMap, _namespace_of))

    async def reconcile(self, key: str) -> Result:
        namespace = self._namespaces.get("", key)
        if namespace is None or namespace.status.phase != "Active":
            return Result()
        held = self._config_maps.get(key, CONFIG_MAP)
        if held is None:
            await self._create(key)
            return Result()
        wanted = in_line(held, self._root_ca)
        if wanted is not held:
            await self._client.update(wanted)
        return Result()

    async def _create(self, namespace: str) -> None:
        metadata = ObjectMeta(name=CONFIG_MAP, namespace=namespace, annotations={ANNOTATION: DESCRIPTION})
        try:
            await self._client.create(ConfigMap(metadata=metadata, data={DATA_KEY: self._root_ca}))
        except ApiError as error:
            if not (is_already_exists(error) or cannot_hold_content(error)):
                raise


def publisher_of(root_ca: str) -> Callable[[Environment], RootCACertificatePublisher]:
    """What makes the controller for these certificates; it is not among the initializers, which know none."""
    return lambda environment: RootCACertificatePublisher(environment, root_ca)
