"""ResourceQuota: what a namespace may use, counted before it is used.

The usage is written to the quota's status before the object, by compare and swap, so that concurrent requests cannot
both have the last of it. What one quota has counted when another refuses is given back at once; what is counted for a
write that then fails is given back by the quota controller.
Source of the semantics: k8s.io/apiserver/pkg/admission/plugin/resourcequota; the page "Resource Quotas".
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.resources import Amounts, add_amounts, amounts, quantities
from kube.api.types.core_v1 import Pod, ResourceQuota
from kube.apimachinery.errors import ApiError
from kube.apimachinery.quantity import Quantity, add
from kube.apiserver.admission.interface import Attributes, Operation
from kube.apiserver.admission.plugins.lookup import Lookup, Name, Stores, refusal
from kube.apiserver.admission.plugins.quota_usage import concerned, in_scope, missing, usage
from kube.apiserver.registry.dry_run import DryRunStorage
from kube.apiserver.storage.errors import KeyNotFoundError
from kube.apiserver.storage.interface import Entry

_CHARGED_ON_UPDATE: Final = frozenset(("services", "persistentvolumeclaims"))
_NEVER_CHARGED: Final = frozenset((("", "events"), ("events.k8s.io", "events")))


class ResourceQuotaAdmission:
    name = "ResourceQuota"
    operations: frozenset[Operation] = frozenset(("CREATE", "UPDATE"))
    resources: frozenset[Name] | None = None

    def __init__(self, stores: Stores) -> None:
        self._store = stores["", "resourcequotas"]
        self._quotas = Lookup(self._store)
        self._dry = DryRunStorage(self._store.storage)

    async def validate(self, attributes: Attributes) -> None:
        if not attributes.namespace or not _is_charged(attributes):
            return
        quotas = await self._quotas.list(attributes.namespace)
        if not quotas:
            return
        delta = _delta(attributes)
        if not delta:
            return
        charges: list[tuple[ResourceQuota, list[str]]] = []
        for quota in quotas:
            restricted = _restricted(quota, attributes)
            if not restricted:
                continue
            _check_stated(attributes, quota, restricted)
            if any(delta.get(name) for name in restricted):
                charges.append((quota, restricted))
        await self._charge_all(attributes, delta, charges)

    async def _charge_all(
        self, attributes: Attributes, delta: Amounts, charges: list[tuple[ResourceQuota, list[str]]]
    ) -> None:
        """All of them or none. Raises ApiError (403)."""
        done: list[tuple[ResourceQuota, list[str]]] = []
        try:
            for quota, restricted in charges:
                await self._charge(attributes, quota, delta, restricted)
                done.append((quota, restricted))
        except ApiError:
            back = {name: -value for name, value in delta.items()}
            for quota, restricted in done:
                await self._charge(attributes, quota, back, restricted)
            raise

    async def _charge(
        self, attributes: Attributes, quota: ResourceQuota, delta: Amounts, restricted: list[str]
    ) -> None:
        async def charged(existing: Entry | None) -> Any:
            if existing is None:
                raise KeyNotFoundError(b"")
            held: ResourceQuota = existing.object
            return _charged(attributes, held, delta, restricted)

        meta = quota.metadata
        storage = self._dry if attributes.dry_run else self._store.storage
        try:
            await storage.guaranteed_update(self._store.key(meta.namespace, meta.name), charged)
        except KeyNotFoundError:
            return  # the quota is gone, and with it what it forbids


def _is_charged(attributes: Attributes) -> bool:
    resource = attributes.resource
    if (resource.group, resource.plural) in _NEVER_CHARGED:
        return False
    if attributes.operation == "CREATE":
        return not attributes.subresource
    if resource.group:
        return False
    if attributes.subresource:
        return (resource.plural, attributes.subresource) == ("pods", "resize")
    return resource.plural in _CHARGED_ON_UPDATE


def _delta(attributes: Attributes) -> Amounts:
    """What the write uses more than before; nothing is given back here."""
    used = usage(attributes.resource, attributes.object)
    if attributes.old_object is not None:
        before = usage(attributes.resource, attributes.old_object)
        used = {name: value - before.get(name, 0) for name, value in used.items()}
    return {name: value for name, value in used.items() if value > 0}


def _restricted(quota: ResourceQuota, attributes: Attributes) -> list[str]:
    """What of the object the quota counts."""
    names = concerned(attributes.resource, attributes.object, quota.status.hard)
    return names if names and in_scope(quota, attributes.object) else []


def _check_stated(attributes: Attributes, quota: ResourceQuota, restricted: list[str]) -> None:
    name = quota.metadata.name
    obj = attributes.object
    if isinstance(obj, Pod) and (why := missing(obj, restricted)):
        raise refusal(attributes, f"failed quota: {name}: {why}")
    if any(each not in quota.status.used for each in restricted):
        why = f"status unknown for quota: {name}, resources: {','.join(restricted)}"
        raise refusal(attributes, why)


def _charged(
    attributes: Attributes, quota: ResourceQuota, delta: Amounts, restricted: list[str]
) -> ResourceQuota:
    """The quota with the usage added. Raises ApiError (403) if it is more than there is."""
    hard, used = amounts(quota.status.hard), amounts(quota.status.used)
    asked = {name: delta[name] for name in restricted if name in delta and name in hard}
    after = dict(used)
    add_amounts(after, asked)
    exceeded = [name for name in asked if asked[name] > 0 and after[name] > hard[name]]
    if exceeded:
        why = (
            f"exceeded quota: {quota.metadata.name}, requested: {_told(_printable(asked), exceeded)}, "
            f"used: {_told(quota.status.used, exceeded)}, limited: {_told(quota.status.hard, exceeded)}"
        )
        raise refusal(attributes, why)
    changed = {name: add(quota.status.used[name], value) for name, value in _printable(asked).items()}
    return replace(quota, status=replace(quota.status, used={**quota.status.used, **changed}))


def _printable(values: Amounts) -> dict[str, Quantity]:
    """Bytes with binary suffixes, whatever prefix their names have in a quota."""
    found: dict[str, Quantity] = {}
    for name, value in values.items():
        resource = name.rpartition(".")[2]
        found[name] = quantities({resource: value})[resource]
    return found


def _told(values: Mapping[str, Quantity], names: list[str]) -> str:
    return ",".join(f"{name}={values[name]}" for name in sorted(names) if name in values)
