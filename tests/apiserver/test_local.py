"""In-process callers: by reference, and otherwise as everybody."""

import asyncio

import pytest

from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta, Status
from kube.apimachinery.serializer import decode, encode
from kube.apiserver.local import LocalTransport
from kube.client.interface import ObjectList, Options, Request


class Receiver:
    def __init__(self, room=100):
        self.room = room
        self.events = []
        self.ends = []

    def deliver(self, events):
        if self.room == 0:
            return False
        self.room -= 1
        self.events += events
        return True

    def closed(self, error):
        self.ends.append(error)


@pytest.fixture
def request_(server):
    server.install("configmaps")

    def make(verb, name="", **more):
        return Request(verb=verb, resource=server.row("configmaps"), namespace="default", name=name, **more)

    return make


def config_map(name, **data):
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


async def test_what_comes_back_from_each_verb(server, request_):
    call = server.client.call
    made = await call(request_("create", body=config_map("a")))
    assert isinstance(made, ConfigMap)
    listed = await call(request_("list"))
    assert isinstance(listed, ObjectList)
    assert listed.items == (made,)
    assert int(listed.resource_version) >= int(made.metadata.resource_version)
    assert isinstance(await call(request_("delete", "a")), Status)
    assert (await call(request_("deletecollection"))).items == ()


async def test_everybody_holds_the_same_object(server, request_):
    receiver = Receiver()
    await server.client.watch(request_("watch"), receiver)
    made = await server.client.call(request_("create", body=config_map("a")))
    got = await server.client.call(request_("get", "a"))
    (listed,) = (await server.client.call(request_("list"))).items
    assert made is got is listed is receiver.events[0].object


async def test_watchers_share_their_events(server, request_):
    one, two = Receiver(), Receiver()
    await server.client.watch(request_("watch"), one)
    await server.client.watch(request_("watch"), two)
    await server.client.call(request_("create", body=config_map("a")))
    assert one.events[0] is two.events[0]
    assert one.events[0].type == "ADDED"


async def test_by_reference_and_by_bytes_the_store_holds_the_same(server, store, request_):
    obj = ConfigMap(metadata=ObjectMeta(labels={"z": "1", "a": "2"}), data={"y": "1", "b": "2"})
    values = []
    for name, body in (("one", obj), ("two", decode(ConfigMap, encode(obj)))):
        await server.client.call(request_("create", body=_named(body, name)))
        kv = (await store.range(f"/registry/configmaps/default/{name}".encode())).kvs[0]
        uid = decode(ConfigMap, kv.value).metadata.uid
        values.append(kv.value.replace(uid.encode(), b"").replace(name.encode(), b""))
    assert values[0] == values[1]


def _named(obj, name):
    meta = ObjectMeta(name=name, labels=obj.metadata.labels)
    return ConfigMap(metadata=meta, data=obj.data)


async def test_a_receiver_that_falls_behind_is_told_that_it_is_over(server, request_):
    receiver = Receiver(room=0)
    await server.client.watch(request_("watch"), receiver)
    await server.client.call(request_("create", body=config_map("a")))
    assert receiver.ends == [None]


async def test_aclose_ends_its_own_watches_and_no_others(server, request_):
    mine, theirs = Receiver(), Receiver()
    client = LocalTransport(server.verbs, UserInfo(username="u"))
    await client.watch(request_("watch"), mine)
    await server.client.watch(request_("watch"), theirs)
    await client.aclose()
    await server.client.call(request_("create", body=config_map("a")))
    assert (mine.events, mine.ends) == ([], [None])
    assert (len(theirs.events), theirs.ends) == (1, [])


async def test_a_watch_that_begins_while_its_transport_is_closed_is_over_at_once(server, request_):
    user = UserInfo(username="other", groups=("system:masters",))
    transport, receiver = LocalTransport(server.verbs, user), Receiver()
    watching = asyncio.create_task(transport.watch(request_("watch"), receiver))
    await asyncio.sleep(0)
    await transport.aclose()
    await watching
    assert receiver.ends == [None]
    await server.client.call(request_("create", body=config_map("a")))
    assert receiver.events == []


async def test_errors_are_the_servers(server, request_):
    with pytest.raises(ApiError, match='configmaps "a" not found'):
        await server.client.call(request_("get", "a"))
    options = Options(resource_version="99999", resource_version_match="Exact")
    with pytest.raises(ApiError, match="Too large resource version"):
        await server.client.call(request_("list", options=options))
