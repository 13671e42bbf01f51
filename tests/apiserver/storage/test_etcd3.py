"""Objects under keys: compare and swap, preconditions, pages, expiry."""

from itertools import chain

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.errors import ApiError, is_expired
from kube.apimachinery.meta.v1 import Preconditions
from kube.apimachinery.serializer import decode
from kube.apiserver.storage.continue_token import ContinueExpiredError
from kube.apiserver.storage.errors import KeyExistsError, KeyNotFoundError, PreconditionError
from kube.apiserver.storage.etcd3 import Etcd3Storage
from kube.apiserver.storage.interface import ListOptions, Selection
from kube.apiserver.storage.lease_manager import LeaseManager
from kube.base.cause import Cause, because


def with_data(obj, **data):
    return replace(obj, data=data)


def names(result):
    return [entry.object.metadata.name for entry in result.entries]


class TestCreate:
    async def test_the_revision_is_the_resource_version_and_is_not_stored(
        self, etcd3, store, key, config_map
    ):
        entry = await etcd3.create(key("a"), config_map("a", x="y"))
        kv = (await store.range(key("a"))).kvs[0]
        assert entry.object.metadata.resource_version == str(kv.mod_revision) == str(entry.revision)
        assert b"resourceVersion" not in kv.value
        assert decode(ConfigMap, kv.value) == config_map("a", x="y")
        assert kv.value is entry.value

    async def test_twice(self, etcd3, key, config_map, fill):
        await fill("a")
        with pytest.raises(KeyExistsError):
            await etcd3.create(key("a"), config_map("a"))

    async def test_a_resource_version_is_refused(self, etcd3, key, config_map):
        obj = config_map("a")
        obj = replace(obj, metadata=replace(obj.metadata, resource_version="3"))
        with pytest.raises(ApiError, match="resourceVersion should not be set on objects to be created"):
            await etcd3.create(key("a"), obj)

    async def test_the_entry_knows_what_led_to_it(self, etcd3, key, config_map):
        cause = Cause("c1", "test")
        with because(cause):
            entry = await etcd3.create(key("a"), config_map("a"))
        assert entry.cause is cause

    async def test_an_object_with_a_ttl_has_a_lease(self, etcd3, store, key, config_map):
        await etcd3.create(key("a"), config_map("a"), ttl=lambda _: 60)
        kv = (await store.range(key("a"))).kvs[0]
        assert (await store.time_to_live(kv.lease)).granted_ttl == 63


class TestGet:
    async def test_what_was_created(self, etcd3, key, fill):
        (made,) = await fill("a")
        assert (await etcd3.get(key("a"))).object == made.object

    async def test_nothing(self, etcd3, key):
        with pytest.raises(KeyNotFoundError):
            await etcd3.get(key("a"))

    async def test_what_reading_completes_is_not_the_stored_bytes(self, store, clock):
        class Completes:
            def encode(self, obj):
                raise AssertionError

            def decode(self, value):
                return ConfigMap(data={"default": "1"}), False

        await store.put(b"/registry/x/a", b'{"metadata":{}}')
        entry = await Etcd3Storage(store, b"/registry/x/", Completes(), LeaseManager(store, clock)).get(
            b"/registry/x/a"
        )
        assert b'"default":"1"' in entry.encoded


class TestGuaranteedUpdate:
    async def test_it_stores_what_the_function_returns(self, etcd3, key, fill):
        (made,) = await fill("a")

        async def change(entry):
            return with_data(entry.object, n="1")

        entry = await etcd3.guaranteed_update(key("a"), change)
        assert entry.revision > made.revision
        assert (await etcd3.get(key("a"))).object == entry.object == with_data(entry.object, n="1")

    async def test_a_lost_race_calls_the_function_again_with_what_won(self, etcd3, key, fill):
        await fill("a")
        seen = []

        async def other(entry):
            return with_data(entry.object, other="1")

        async def change(entry):
            seen.append(dict(entry.object.data))
            if len(seen) == 1:
                await etcd3.guaranteed_update(key("a"), other)
            return with_data(entry.object, **entry.object.data, mine="1")

        entry = await etcd3.guaranteed_update(key("a"), change)
        assert seen == [{}, {"other": "1"}]
        assert entry.object.data == {"other": "1", "mine": "1"}

    async def test_a_change_of_nothing_writes_nothing(self, etcd3, store, key, fill):
        (made,) = await fill("a")
        before = await store.current_revision()

        async def same(entry):
            return entry.object

        entry = await etcd3.guaranteed_update(key("a"), same)
        assert entry.revision == made.revision
        assert await store.current_revision() == before

    async def test_nothing_there(self, etcd3, key, config_map):
        async def change(entry):
            assert entry is None
            return config_map("a")

        with pytest.raises(KeyNotFoundError):
            await etcd3.guaranteed_update(key("a"), change)
        entry = await etcd3.guaranteed_update(key("a"), change, ignore_not_found=True)
        assert (await etcd3.get(key("a"))).revision == entry.revision

    @pytest.mark.parametrize(
        ("wanted", "message"),
        [
            (
                Preconditions(uid="other"),
                (
                    "StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/a, ResourceVersion: 0, "
                    "AdditionalErrorMsg: Precondition failed: UID in precondition: other, UID in object meta: uid-a"
                ),
            ),
            (Preconditions(resource_version="1"), "ResourceVersion in precondition: 1"),
        ],
        ids=["uid", "resourceVersion"],
    )
    async def test_preconditions(self, etcd3, key, fill, wanted, message):
        await fill("a")

        async def change(entry):
            raise AssertionError

        with pytest.raises(PreconditionError) as caught:
            await etcd3.guaranteed_update(key("a"), change, preconditions=wanted)
        assert message in str(caught.value)

    async def test_a_stale_cached_state_is_judged_again_against_the_live_one(self, etcd3, key, fill):
        (stale,) = await fill("a")

        async def settle(entry):
            return with_data(entry.object, ready="yes")

        await etcd3.guaranteed_update(key("a"), settle)

        async def change(entry):
            if entry.object.data.get("ready") != "yes":
                raise ValueError("not ready")
            return with_data(entry.object, ready="yes", done="yes")

        entry = await etcd3.guaranteed_update(key("a"), change, cached=stale)
        assert entry.object.data["done"] == "yes"

    async def test_an_error_about_the_live_state_is_raised_after_one_look(self, etcd3, key, fill):
        (cached,) = await fill("a")
        calls = []

        async def change(entry):
            calls.append(entry)
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await etcd3.guaranteed_update(key("a"), change, cached=cached)
        assert len(calls) == 1

    async def test_a_stale_cached_state_does_not_hide_a_change_as_nothing(self, etcd3, key, fill):
        """The function returns what the cache has, but the store has moved on: it must be put back."""
        (stale,) = await fill("a")

        async def settle(entry):
            return with_data(entry.object, x="1")

        await etcd3.guaranteed_update(key("a"), settle)

        async def reset(entry):
            return with_data(entry.object)

        entry = await etcd3.guaranteed_update(key("a"), reset, cached=stale)
        assert entry.object.data == {}
        assert (await etcd3.get(key("a"))).object.data == {}


class TestDelete:
    async def test_the_last_state_has_the_revision_of_the_deletion(self, etcd3, store, key, fill):
        await fill("a")
        gone = await etcd3.delete(key("a"))
        assert gone.object.metadata.resource_version == str(await store.current_revision())
        with pytest.raises(KeyNotFoundError):
            await etcd3.get(key("a"))
        with pytest.raises(KeyNotFoundError):
            await etcd3.delete(key("a"))

    async def test_a_check_that_refuses_keeps_the_object(self, etcd3, key, fill):
        await fill("a")

        async def refuse(entry):
            raise ValueError(entry.object.metadata.name)

        with pytest.raises(ValueError, match="a"):
            await etcd3.delete(key("a"), check=refuse)
        assert await etcd3.get(key("a"))

    async def test_a_changed_object_is_checked_again(self, etcd3, key, fill):
        (stale,) = await fill("a")

        async def change(entry):
            return with_data(entry.object, x="1")

        await etcd3.guaranteed_update(key("a"), change)
        seen = []

        async def check(entry):
            seen.append(dict(entry.object.data))

        await etcd3.delete(key("a"), check=check, cached=stale)
        assert seen == [{}, {"x": "1"}]

    async def test_preconditions(self, etcd3, key, fill):
        await fill("a")
        with pytest.raises(PreconditionError):
            await etcd3.delete(key("a"), preconditions=Preconditions(uid="other"))


async def pages(etcd3, limit, selection=Selection(), **more):  # noqa: B008  # immutable
    """All pages, as lists of names, and the last result."""
    found, token = [], ""
    while True:
        options = ListOptions(selection=selection, limit=limit, continue_=token, **more)
        result = await etcd3.get_list(options)
        found.append(names(result))
        if not result.continue_:
            return found, result
        token = result.continue_


class TestList:
    async def test_pages_show_everything_once_at_one_revision(self, etcd3, fill):
        await fill("a/1", "a/2", "b/1", "a-b/1", "b/2")
        first = await etcd3.get_list(ListOptions(limit=2))
        assert (first.remaining, len(first.entries)) == (3, 2)
        await fill("a/3")
        found, last = await pages(etcd3, 2)
        options = ListOptions(limit=9, continue_=first.continue_)
        rest = await etcd3.get_list(options)
        assert rest.resource_version == first.resource_version
        assert names(first) + names(rest) == ["1", "1", "2", "1", "2"]
        assert first.entries[0].key.endswith(b"/a-b/1")
        assert list(chain(*found)) == ["1", "1", "2", "3", "1", "2"]
        assert last.remaining is None

    async def test_a_namespace(self, etcd3, fill):
        await fill("a/1", "ab/2", "b/3")
        found, _ = await pages(etcd3, 0, Selection(namespace="a"))
        assert found == [["1"]]

    async def test_a_name(self, etcd3, fill):
        await fill("a/1", "a/11")
        assert (await pages(etcd3, 0, Selection(namespace="a", name="1")))[0] == [["1"]]
        assert (await pages(etcd3, 0, Selection(namespace="a", name="2")))[0] == [[]]

    async def test_a_filter_fills_the_page_and_leaves_the_rest_unsaid(self, etcd3, fill):
        await fill(*(f"a/{number:02}" for number in range(20)))
        even = Selection(matches=lambda obj: int(obj.metadata.name) % 2 == 0)
        result = await etcd3.get_list(ListOptions(selection=even, limit=3))
        assert names(result) == ["00", "02", "04"]
        assert result.remaining is None
        found, _ = await pages(etcd3, 3, even)
        assert list(chain(*found)) == [f"{number:02}" for number in range(0, 20, 2)]

    async def test_an_exact_revision_of_the_past(self, etcd3, fill, key):
        (made,) = await fill("a/1")
        await etcd3.delete(key("1", "a"))
        options = ListOptions(resource_version=str(made.revision), match="Exact")
        result = await etcd3.get_list(options)
        assert (names(result), result.resource_version) == (["1"], str(made.revision))

    async def test_a_compacted_page_goes_on_inconsistently(self, etcd3, store, fill):
        await fill("a/1", "a/2", "a/3")
        first = await etcd3.get_list(ListOptions(limit=1))
        await fill("a/4")
        await store.compact(await store.current_revision())
        with pytest.raises(ContinueExpiredError) as caught:
            await etcd3.get_list(ListOptions(limit=1, continue_=first.continue_))
        assert is_expired(caught.value)
        rest = await etcd3.get_list(ListOptions(continue_=caught.value.continue_))
        assert names(rest) == ["2", "3", "4"]

    async def test_a_compacted_exact_revision(self, etcd3, store, fill):
        (made, *_) = await fill("a/1", "a/2")
        await store.compact(await store.current_revision())
        options = ListOptions(resource_version=str(made.revision), match="Exact")
        with pytest.raises(ApiError, match="The resourceVersion for the provided list is too old") as caught:
            await etcd3.get_list(options)
        assert caught.value.code == 410

    async def test_an_exact_revision_of_the_future(self, etcd3, store):
        ahead = await store.current_revision() + 5
        options = ListOptions(resource_version=str(ahead), match="Exact")
        with pytest.raises(ApiError, match=f"Too large resource version: {ahead}, current: {ahead - 5}"):
            await etcd3.get_list(options)

    async def test_a_continue_token_knows_its_revision(self, etcd3, fill):
        await fill("a/1", "a/2")
        first = await etcd3.get_list(ListOptions(limit=1))
        options = ListOptions(continue_=first.continue_, resource_version="5")
        with pytest.raises(ApiError, match="specifying resource version is not allowed when using continue"):
            await etcd3.get_list(options)

    async def test_count(self, etcd3, fill):
        await fill("a/1", "b/2")
        assert await etcd3.count() == 2
