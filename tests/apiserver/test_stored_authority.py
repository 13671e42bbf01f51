"""The certificate authority that a store keeps."""

import asyncio

import pytest

from kube.apiserver.stored_authority import KEY, stored_authority
from kube.base.chance import Chance
from kube.store.errors import CorruptError
from kube.store.local import LocalStore

NOW = 1_700_000_000.0


async def test_it_is_made_once(store: LocalStore) -> None:
    first = await stored_authority(store, NOW, Chance(1))
    again = await stored_authority(store, NOW + 86_400, Chance(2))
    assert again.pair == first.pair
    assert again.admin(NOW).certificate != first.admin(NOW).certificate  # with a serial of its own


async def test_processes_that_start_at_once_agree(store: LocalStore) -> None:
    made = await asyncio.gather(*(stored_authority(store, NOW, Chance(seed)) for seed in range(5)))
    assert len({authority.certificate for authority in made}) == 1


@pytest.mark.parametrize(
    "value",
    [b"", b"{}", b'{"certificate": "x", "key": "y"}', b"\xff"],
    ids=["empty", "fields", "PEM", "JSON"],
)
async def test_what_is_none_is_refused_with_its_key(store: LocalStore, value: bytes) -> None:
    await store.put(KEY, value)
    with pytest.raises(CorruptError, match="/kube-actors/pki/ca holds no certificate authority"):
        await stored_authority(store, NOW, Chance(1))
