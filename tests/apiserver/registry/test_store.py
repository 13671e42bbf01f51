"""The generic registry store: what every resource does, over the real storage."""

import asyncio

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.field import Path, required
from kube.apimachinery.meta.v1 import DeleteOptions, ObjectMeta
from kube.apimachinery.time import from_seconds
from kube.apiserver.registry.strategy import Strategy
from kube.apiserver.storage.interface import ListOptions
from kube.store.errors import RequestTimeoutError


def _meta(name, namespace=""):
    return ObjectMeta(name=name, namespace=namespace)


def with_meta(obj, **changes):
    return replace(obj, metadata=replace(obj.metadata, **changes))


def to(obj):
    """The transform of a PUT."""

    async def transform(_):
        return obj

    return transform


def change(function):
    """The transform of a patch."""

    async def transform(old):
        return function(old)

    return transform


class TestCreate:
    async def test_system_fields_are_the_servers(self, configmaps, ctx, config_map):
        obj = config_map(
            uid="mine",
            creation_timestamp=from_seconds(1),
            deletion_timestamp=from_seconds(2),
            deletion_grace_period_seconds=3,
            self_link="/x",
        )
        result = await configmaps.create(ctx, "", obj)
        meta = result.object.metadata
        assert result.created
        assert meta.uid not in ("", "mine")
        assert meta.creation_timestamp == from_seconds(ctx.now)
        assert (meta.deletion_timestamp, meta.deletion_grace_period_seconds, meta.self_link) == (
            None,
            None,
            "",
        )
        assert (meta.namespace, meta.resource_version) == ("default", str(result.entry.revision))

    async def test_a_name_that_is_taken(self, configmaps, ctx, config_map):
        await configmaps.create(ctx, "", config_map())
        with pytest.raises(ApiError, match=r'^configmaps "a" already exists$') as caught:
            await configmaps.create(ctx, "", config_map())
        assert (caught.value.code, caught.value.reason) == (409, "AlreadyExists")

    async def test_a_name_that_is_taken_by_what_is_going(self, configmaps, ctx, config_map):
        await configmaps.create(ctx, "", config_map(finalizers=("x/y",)))
        await configmaps.delete(ctx, "a", DeleteOptions())
        with pytest.raises(ApiError, match=r'^object is being deleted: configmaps "a" already exists$'):
            await configmaps.create(ctx, "", config_map())

    async def test_another_namespace(self, configmaps, ctx, config_map):
        message = "the namespace of the provided object does not match the namespace sent on the request"
        with pytest.raises(ApiError, match=message) as caught:
            await configmaps.create(ctx, "", config_map(namespace="other"))
        assert caught.value.code == 400

    async def test_a_cluster_scoped_object_has_no_namespace(self, server, context):
        nodes = server.install("nodes")
        node = nodes.resource.type(metadata=_meta("n", "x"))
        result = await nodes.create(context("nodes", namespace=""), "", node)
        assert result.object.metadata.namespace == ""
        assert result.entry.key == b"/registry/minions/n"

    async def test_no_name(self, configmaps, ctx, config_map):
        with pytest.raises(ApiError) as caught:
            await configmaps.create(ctx, "", config_map(""))
        assert caught.value.code == 422
        assert caught.value.message.startswith('ConfigMap "" is invalid: metadata.name: Required value: name')

    async def test_refused_by_admission_nothing_is_stored(self, configmaps, ctx, config_map):
        async def refuse(_):
            raise errors.forbidden("configmaps", "a", "no")

        with pytest.raises(ApiError):
            await configmaps.create(ctx, "", config_map(), refuse)
        with pytest.raises(ApiError, match='configmaps "a" not found'):
            await configmaps.get(ctx, "a")


class Names(Strategy):
    """Generates the names that a test gives it."""

    given: list[str]

    def generate_name(self, prefix, chance):
        return prefix + self.given.pop(0)


class TestGenerateName:
    @pytest.fixture
    def resource(self, server):
        return server.install("configmaps", make=Names)

    async def test_a_name_is_made(self, configmaps, ctx, config_map):
        result = await configmaps.create(ctx, "", config_map("", generate_name="web-"))
        assert result.object.metadata.name.startswith("web-")
        assert len(result.object.metadata.name) == 9

    async def test_a_taken_name_is_replaced(self, resource, ctx, config_map):
        await resource.create(ctx, "", config_map("web-1"))
        resource.strategy.given = ["1", "1", "2"]
        result = await resource.create(ctx, "", config_map("", generate_name="web-"))
        assert result.object.metadata.name == "web-2"

    async def test_eight_names_are_tried(self, resource, ctx, config_map):
        await resource.create(ctx, "", config_map("web-1"))
        resource.strategy.given = ["1"] * 20
        message = 'configmaps "web-1" already exists, the server was not able to generate a unique name for the object'
        with pytest.raises(ApiError, match=message) as caught:
            await resource.create(ctx, "", config_map("", generate_name="web-"))
        assert len(resource.strategy.given) == 12
        assert caught.value.retry_after_seconds == 1


class TestGet:
    async def test_nothing(self, configmaps, ctx):
        with pytest.raises(ApiError, match=r'^configmaps "a" not found$') as caught:
            await configmaps.get(ctx, "a")
        assert caught.value.code == 404
        assert caught.value.details.kind == "configmaps"

    @pytest.mark.parametrize(
        ("namespace", "name", "message"),
        [
            ("", "a", "Namespace parameter required."),
            ("default", "", "Name parameter required."),
            ("default", "a/b", "Name parameter invalid: \"a/b\": may not contain '/'"),
            ("default", "..", "Name parameter invalid: \"..\": may not be '..'"),
        ],
        ids=["namespace", "name", "slash", "dots"],
    )
    async def test_what_makes_no_key(self, configmaps, context, namespace, name, message):
        with pytest.raises(ApiError) as caught:
            await configmaps.get(context(namespace=namespace), name)
        assert (caught.value.code, caught.value.message) == (400, message)


class TestUpdate:
    @pytest.fixture
    async def made(self, configmaps, ctx, config_map):
        return (await configmaps.create(ctx, "", config_map())).object

    async def test_a_new_version(self, configmaps, ctx, made):
        result = await configmaps.update(ctx, "a", to(replace(made, data={"x": "y"})))
        assert not result.created
        assert result.object.data == {"x": "y"}
        assert int(result.object.metadata.resource_version) > int(made.metadata.resource_version)
        assert (await configmaps.get(ctx, "a")).object == result.object

    async def test_the_same_again_writes_nothing(self, configmaps, ctx, made):
        result = await configmaps.update(ctx, "a", to(made))
        assert result.object == made

    async def test_a_stale_version(self, configmaps, ctx, made):
        await configmaps.update(ctx, "a", to(replace(made, data={"x": "y"})))
        message = (
            'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        with pytest.raises(ApiError) as caught:
            await configmaps.update(ctx, "a", to(replace(made, data={"x": "z"})))
        assert (caught.value.code, caught.value.message) == (409, message)

    @pytest.mark.parametrize("version", ["", "0"])
    async def test_without_a_version_the_last_writer_wins(self, configmaps, ctx, made, version):
        await configmaps.update(ctx, "a", to(replace(made, data={"x": "y"})))
        late = with_meta(replace(made, data={"x": "z"}), resource_version=version)
        assert (await configmaps.update(ctx, "a", to(late))).object.data == {"x": "z"}

    async def test_a_kind_that_insists_on_a_version(self, server, ctx, config_map):
        class Strict(Strategy):
            allow_unconditional_update = False

        store = server.install("configmaps", make=Strict)
        made = (await store.create(ctx, "", config_map())).object
        with pytest.raises(ApiError) as caught:
            await store.update(ctx, "a", to(with_meta(made, resource_version="")))
        assert caught.value.code == 422
        assert caught.value.message == (
            'configmaps "a" is invalid: metadata.resourceVersion: Invalid value: 0x0: '
            "must be specified for an update"
        )

    async def test_another_uid(self, configmaps, ctx, made):
        other = with_meta(made, uid="other", resource_version="")
        with pytest.raises(ApiError, match="Precondition failed: UID in precondition: other") as caught:
            await configmaps.update(ctx, "a", to(other), uid="other")
        assert caught.value.code == 409

    async def test_what_cannot_change_does_not(self, configmaps, ctx, made):
        wanted = with_meta(
            made, uid="", generation=9, creation_timestamp=None, self_link="/x", labels={"a": "b"}
        )
        meta = (await configmaps.update(ctx, "a", to(wanted))).object.metadata
        assert (meta.uid, meta.generation, meta.creation_timestamp, meta.self_link, meta.labels) == (
            made.metadata.uid,
            0,
            made.metadata.creation_timestamp,
            "",
            {"a": "b"},
        )

    async def test_a_lost_race_runs_the_whole_attempt_again(self, configmaps, ctx, made):
        seen, validated = [], []

        async def transform(old):
            seen.append(dict(old.data))
            if len(seen) == 1:
                await configmaps.update(ctx, "a", to(replace(made, data={"other": "1"})))
            return replace(old, data={**old.data, "mine": "1"})

        async def validate(new, old):
            validated.append((dict(new.data), dict(old.data)))

        result = await configmaps.update(ctx, "a", transform, validate_update=validate)
        assert seen == [{}, {"other": "1"}]
        assert result.object.data == {"other": "1", "mine": "1"}
        assert validated[-1] == ({"other": "1", "mine": "1"}, {"other": "1"})

    async def test_nothing_there(self, configmaps, ctx, config_map):
        with pytest.raises(ApiError, match='configmaps "b" not found'):
            await configmaps.update(ctx, "b", to(config_map("b")))

    async def test_create_on_update(self, server, context, config_map):
        class Creates(Strategy):
            allow_create_on_update = True

        store = server.install("configmaps", make=Creates)
        ctx = context()
        result = await store.update(ctx, "b", to(config_map("b")))
        assert result.created
        assert result.object.metadata.uid
        assert (await store.get(ctx, "b")).object == result.object

    async def test_errors_of_the_rules_are_one_cause_for_each_field(self, server, ctx, config_map):
        class Picky(Strategy):
            def validate_update(self, ctx, new, old):
                return [required(Path("data").key("x"), "say it")]

        store = server.install("configmaps", make=Picky)
        made = (await store.create(ctx, "", config_map())).object
        with pytest.raises(ApiError) as caught:
            await store.update(ctx, "a", to(replace(made, data={"y": "z"})))
        assert caught.value.message == 'ConfigMap "a" is invalid: data[x]: Required value: say it'
        assert [cause.field for cause in caught.value.causes] == ["data[x]"]


class TestDryRun:
    @pytest.fixture
    def dry(self, context):
        return context(dry_run=True)

    async def test_create(self, configmaps, ctx, dry, config_map):
        result = await configmaps.create(dry, "", config_map())
        assert result.object.metadata.uid
        assert result.object.metadata.resource_version == ""
        with pytest.raises(ApiError, match="not found"):
            await configmaps.get(ctx, "a")
        await configmaps.create(ctx, "", config_map())
        with pytest.raises(ApiError, match="already exists"):
            await configmaps.create(dry, "", config_map())

    async def test_update(self, configmaps, ctx, dry, config_map):
        made = (await configmaps.create(ctx, "", config_map())).object
        result = await configmaps.update(dry, "a", to(replace(made, data={"x": "y"})))
        assert result.object == replace(made, data={"x": "y"})
        assert (await configmaps.get(ctx, "a")).object == made
        with pytest.raises(ApiError, match="the object has been modified"):
            await configmaps.update(dry, "a", to(with_meta(made, resource_version="1")))

    @pytest.mark.parametrize("finalizers", [(), ("x/y",)], ids=["free", "held"])
    async def test_delete(self, configmaps, ctx, dry, config_map, finalizers):
        made = (await configmaps.create(ctx, "", config_map(finalizers=finalizers))).object
        _, gone = await configmaps.delete(dry, "a", DeleteOptions(dry_run=("All",)))
        assert gone is not bool(finalizers)
        assert (await configmaps.get(ctx, "a")).object == made

    async def test_delete_collection(self, configmaps, ctx, dry, config_map):
        await configmaps.create(ctx, "", config_map())
        result = await configmaps.delete_collection(dry, DeleteOptions(), ListOptions())
        assert len(result.entries) == 1
        assert await configmaps.get(ctx, "a")


class Ledger(Strategy):
    """Takes a number for every object, and writes down what becomes of it."""

    def __init__(self, resource):
        super().__init__(resource)
        self.log: list[str] = []

    async def _begin(self, obj):
        number = str(len(self.log))
        self.log.append(f"take {number}")
        return replace(obj, data={**obj.data, "number": number}), _Taken(self.log, number)

    async def begin_create(self, ctx, obj):
        return await self._begin(obj)

    async def begin_update(self, ctx, new, old):
        return await self._begin(new)

    async def after_create(self, ctx, entry):
        self.log.append(f"created {entry.object.metadata.name}")

    async def after_update(self, ctx, entry):
        self.log.append(f"updated {entry.object.metadata.name}")

    async def after_delete(self, ctx, obj, options):
        self.log.append(f"deleted {obj.metadata.name}")


class _Taken:
    def __init__(self, log, number):
        self.log = log
        self.number = number

    async def commit(self):
        self.log.append(f"keep {self.number}")

    async def rollback(self):
        self.log.append(f"give back {self.number}")

    async def doubt(self):
        self.log.append(f"doubt {self.number}")


class TestHooks:
    @pytest.fixture
    def resource(self, server):
        return server.install("configmaps", make=Ledger)

    async def test_success_keeps(self, resource, ctx, config_map):
        result = await resource.create(ctx, "", config_map())
        assert result.object.data == {"number": "0"}
        assert resource.strategy.log == ["take 0", "keep 0", "created a"]

    async def test_failure_gives_back(self, resource, ctx, config_map):
        await resource.create(ctx, "", config_map())
        resource.strategy.log.clear()
        with pytest.raises(ApiError):
            await resource.create(ctx, "", config_map())
        assert resource.strategy.log == ["take 0", "give back 0"]

    @pytest.mark.parametrize("error", [RequestTimeoutError, asyncio.CancelledError])
    async def test_where_nobody_knows_the_outcome_it_is_in_doubt(
        self, resource, ctx, config_map, monkeypatch, error
    ):
        made = (await resource.create(ctx, "", config_map("known"))).object
        resource.strategy.log.clear()

        async def unanswered(*_, **__):
            raise error

        monkeypatch.setattr(type(resource.storage._storage._kv), "optimistic_put", unanswered)
        with pytest.raises(error):
            await resource.create(ctx, "", config_map())
        with pytest.raises(error):
            await resource.update(ctx, "known", to(replace(made, data={"x": "y"})))
        assert [line.partition(" ")[0] for line in resource.strategy.log] == ["take", "doubt"] * 2

    async def test_a_lost_race_gives_back_before_it_takes_again(self, resource, ctx, config_map):
        made = (await resource.create(ctx, "", config_map())).object
        resource.strategy.log.clear()
        raced = []

        async def transform(old):
            return with_meta(old, labels={"x": "y"})

        async def validate(new, old):
            if not raced:
                raced.append(True)
                await resource.storage.guaranteed_update(
                    resource.key("default", "a"), to(replace(made, data={"z": "z"}))
                )

        await resource.update(ctx, "a", transform, validate_update=validate)
        assert resource.strategy.log == ["take 0", "give back 0", "take 2", "keep 2", "updated a"]

    async def test_a_dry_run_keeps_nothing_and_tells_nobody(self, resource, context, config_map):
        await resource.create(context(dry_run=True), "", config_map())
        assert resource.strategy.log == ["take 0", "give back 0"]

    async def test_a_deletion_is_told_when_it_is_complete(self, resource, ctx, config_map):
        await resource.create(ctx, "", config_map(finalizers=("x/y",)))
        await resource.delete(ctx, "a", DeleteOptions())
        assert "deleted a" not in resource.strategy.log
        await resource.update(ctx, "a", change(lambda old: with_meta(old, finalizers=())))
        assert resource.strategy.log[-1] == "deleted a"


async def test_objects_with_a_ttl_get_a_lease_with_each_write(server, store, ctx, config_map):
    class Mortal(Strategy):
        def ttl(self, obj):
            return 60

    registry = server.install("configmaps", make=Mortal)
    made = (await registry.create(ctx, "", config_map())).object
    first = (await store.range(registry.key("default", "a"))).kvs[0]
    await registry.update(ctx, "a", to(replace(made, data={"x": "y"})))
    second = (await store.range(registry.key("default", "a"))).kvs[0]
    assert first.lease
    assert second.lease


async def test_an_update_may_decline_to_delete(server, ctx, config_map):
    class Keeps(Strategy):
        def should_delete_during_update(self, ctx, new, old):
            return False

    store = server.install("configmaps", make=Keeps)
    await store.create(ctx, "", config_map(finalizers=("x/y",)))
    await store.delete(ctx, "a", DeleteOptions())
    await store.update(ctx, "a", change(lambda old: with_meta(old, finalizers=())))
    assert isinstance((await store.get(ctx, "a")).object, ConfigMap)


class TestRacesOfDeletion:
    async def test_a_finalizer_that_comes_first_keeps_the_object(self, configmaps, ctx, config_map):
        """The deletion has seen an object without it, and loses the race for the key."""
        await configmaps.create(ctx, "", config_map())
        adding = configmaps.update(ctx, "a", change(lambda old: with_meta(old, finalizers=("x/y",))))
        _, (result, gone) = await asyncio.gather(adding, configmaps.delete(ctx, "a", DeleteOptions()))
        assert not gone
        assert result.object.metadata.finalizers == ("x/y",)
        held = (await configmaps.get(ctx, "a")).object.metadata
        assert (held.finalizers, held.deletion_timestamp) == (("x/y",), from_seconds(ctx.now))

    async def test_the_last_finalizer_takes_nobody_elses_object_with_it(
        self, configmaps, ctx, config_map, monkeypatch
    ):
        """Two take the finalizer away; before the second deletes, the first has, and the name is another's."""
        await configmaps.create(ctx, "", config_map(finalizers=("x/y",)))
        await configmaps.delete(ctx, "a", DeleteOptions())
        storage = configmaps.storage
        delete = type(storage).delete

        async def late(self, key, **options):
            monkeypatch.undo()
            await storage.delete(key)
            await configmaps.create(ctx, "", config_map())
            return await delete(self, key, **options)

        monkeypatch.setattr(type(storage), "delete", late)
        await configmaps.update(ctx, "a", change(lambda old: with_meta(old, finalizers=())))
        assert (await configmaps.get(ctx, "a")).object.metadata.deletion_timestamp is None
