"""The certificate authority of a cluster that outlives its process: kept in the store, beside the objects.

Whoever may read the store's keys owns the cluster anyhow, its Secrets above all. So every process over one store signs with
one authority, and the kubeconfigs of yesterday are good today.
"""

from typing import Final

import msgspec
from msgspec import Struct

from kube.apiserver.pki import CertificateAuthority, KeyPair
from kube.base.chance import Chance
from kube.store.errors import CorruptError
from kube.store.kv import KV, KeyValue

KEY: Final = b"/kube-actors/pki/ca"
"""Outside of ``/registry``: it is no object of the API."""


class _Stored(Struct, frozen=True):
    """Both PEM."""

    certificate: str
    key: str


async def stored_authority(store: KV, now: float, chance: Chance) -> CertificateAuthority:
    """The store's, made now if it has none. Raises StoreError; CorruptError for a key that holds none."""
    found = await store.range(KEY)
    if not found.kvs:
        made = CertificateAuthority.create(now, chance)
        value = msgspec.json.encode(_Stored(made.pair.certificate.decode(), made.pair.key.decode()))
        result = await store.optimistic_put(KEY, value, 0)
        if result.succeeded or result.kv is None:
            return made
        return _read(result.kv, chance)
    return _read(found.kvs[0], chance)


def _read(kv: KeyValue, chance: Chance) -> CertificateAuthority:
    try:
        stored = msgspec.json.decode(kv.value, type=_Stored)
        return CertificateAuthority(KeyPair(stored.certificate.encode(), stored.key.encode()), chance)
    except (ValueError, msgspec.DecodeError) as error:
        raise CorruptError(f"{kv.key.decode()} holds no certificate authority: {error}") from None
