"""The generic registry store: what every resource does, over the real storage."""

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import ConfigMap, Container, Pod, PodSpec
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.field import Path, required
from kube.apimachinery.meta.v1 import DeleteOptions, ObjectMeta, Preconditions
from kube.apimachinery.time import from_seconds
from kube.apiserver.registry.rest import ObjectResult, StatusResult
from kube.apiserver.registry.strategy import Strategy
from kube.apiserver.storage.interface import ListOptions, Selection


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


class Graceful(Strategy):
    """Deletes as pods do: 30 seconds, or what the options say."""

    def check_graceful_delete(self, ctx, obj, options):
        return 30 if options.grace_period_seconds is None else options.grace_period_seconds


class TestDelete:
    async def test_at_once(self, configmaps, ctx, config_map):
        made = (await configmaps.create(ctx, "", config_map())).object
        result, gone = await configmaps.delete(ctx, "a", DeleteOptions())
        assert gone
        assert isinstance(result, StatusResult)
        details = result.status.details
        assert (result.status.status, details.name, details.kind, details.uid) == (
            "Success",
            "a",
            "configmaps",
            made.metadata.uid,
        )
        with pytest.raises(ApiError, match="not found"):
            await configmaps.delete(ctx, "a", DeleteOptions())

    async def test_kinds_that_answer_with_the_object(self, server, context):
        accounts = server.install("serviceaccounts")
        ctx = context("serviceaccounts")
        await accounts.create(ctx, "", accounts.resource.type(metadata=_meta("a")))
        result, gone = await accounts.delete(ctx, "a", DeleteOptions())
        assert isinstance(result, ObjectResult)
        assert (gone, result.object.metadata.name) == (True, "a")

    async def test_finalizers_keep_it(self, configmaps, ctx, config_map):
        await configmaps.create(ctx, "", config_map(finalizers=("x/y",)))
        result, gone = await configmaps.delete(ctx, "a", DeleteOptions())
        meta = result.object.metadata
        assert not gone
        assert (meta.deletion_timestamp, meta.deletion_grace_period_seconds) == (from_seconds(ctx.now), 0)
        again, gone = await configmaps.delete(ctx, "a", DeleteOptions())
        assert not gone
        assert again.object == result.object

    async def test_the_last_finalizer_completes_it(self, configmaps, ctx, config_map, sink, server):
        await configmaps.create(ctx, "", config_map(finalizers=("x/y", "x/z")))
        await configmaps.delete(ctx, "a", DeleteOptions())
        first = change(lambda old: with_meta(old, finalizers=("x/z",)))
        assert (await configmaps.update(ctx, "a", first)).object.metadata.finalizers == ("x/z",)
        last = change(lambda old: with_meta(old, finalizers=()))
        result = await configmaps.update(ctx, "a", last)
        assert result.object.metadata.finalizers == ()
        with pytest.raises(ApiError, match="not found"):
            await configmaps.get(ctx, "a")

    @pytest.mark.parametrize(
        ("options", "finalizers"),
        [
            (DeleteOptions(propagation_policy="Foreground"), ("foregroundDeletion",)),
            (DeleteOptions(propagation_policy="Orphan"), ("orphan",)),
            (DeleteOptions(orphan_dependents=True), ("orphan",)),
        ],
        ids=["foreground", "orphan", "orphanDependents"],
    )
    async def test_propagation_waits_for_the_garbage_collector(
        self, configmaps, ctx, config_map, options, finalizers
    ):
        await configmaps.create(ctx, "", config_map())
        result, gone = await configmaps.delete(ctx, "a", options)
        assert not gone
        assert result.object.metadata.finalizers == finalizers

    @pytest.mark.parametrize(
        "options",
        [DeleteOptions(propagation_policy="Background"), DeleteOptions(orphan_dependents=False)],
        ids=["background", "orphanDependents"],
    )
    async def test_background_waits_for_nobody(self, configmaps, ctx, config_map, options):
        await configmaps.create(ctx, "", config_map())
        assert (await configmaps.delete(ctx, "a", options))[1]

    async def test_background_takes_the_orphan_finalizer_back(self, configmaps, ctx, config_map):
        await configmaps.create(ctx, "", config_map(finalizers=("orphan",)))
        options = DeleteOptions(propagation_policy="Background")
        assert (await configmaps.delete(ctx, "a", options))[1]

    @pytest.mark.parametrize(
        ("wanted", "message"),
        [
            (
                Preconditions(uid="other"),
                (
                    'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (other) does not match '
                    "the UID in record ({uid}). The object might have been deleted and then recreated"
                ),
            ),
            (
                Preconditions(resource_version="1"),
                (
                    'Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition (1) does not '
                    "match the ResourceVersion in record ({version}). The object might have been modified"
                ),
            ),
        ],
        ids=["uid", "resourceVersion"],
    )
    async def test_preconditions(self, configmaps, ctx, config_map, wanted, message):
        meta = (await configmaps.create(ctx, "", config_map())).object.metadata
        with pytest.raises(ApiError) as caught:
            await configmaps.delete(ctx, "a", DeleteOptions(preconditions=wanted))
        assert caught.value.code == 409
        assert caught.value.message == message.format(uid=meta.uid, version=meta.resource_version)

    async def test_refused_by_admission_it_stays(self, configmaps, ctx, config_map):
        async def refuse(old):
            raise errors.forbidden("configmaps", old.metadata.name, "no")

        await configmaps.create(ctx, "", config_map())
        with pytest.raises(ApiError, match='configmaps "a" is forbidden: no'):
            await configmaps.delete(ctx, "a", DeleteOptions(), refuse)
        assert await configmaps.get(ctx, "a")

    async def test_options_that_exclude_each_other(self, configmaps, ctx, config_map):
        await configmaps.create(ctx, "", config_map())
        options = DeleteOptions(orphan_dependents=True, propagation_policy="Orphan")
        with pytest.raises(ApiError) as caught:
            await configmaps.delete(ctx, "a", options)
        assert caught.value.code == 422
        assert caught.value.message == (
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": '
            "orphanDependents and deletionPropagation cannot be both set"
        )


class TestGracefulDelete:
    @pytest.fixture
    def resource(self, server):
        return server.install("pods", make=Graceful)

    @pytest.fixture
    def ctx(self, context):
        return context("pods")

    @pytest.fixture
    async def pod(self, resource, ctx):
        spec = PodSpec(containers=(Container(name="c", image="i"),))
        obj = resource.strategy.default(Pod(metadata=_meta("p"), spec=spec))
        return (await resource.create(ctx, "", obj)).object

    async def test_the_first_delete_starts_the_clock(self, resource, ctx, pod):
        result, gone = await resource.delete(ctx, "p", DeleteOptions())
        meta = result.object.metadata
        assert not gone
        assert meta.deletion_timestamp == from_seconds(ctx.now + 30)
        assert meta.deletion_grace_period_seconds == 30
        assert meta.generation == pod.metadata.generation + 1

    async def test_a_second_delete_can_only_shorten_it(self, resource, ctx, pod):
        await resource.delete(ctx, "p", DeleteOptions())
        longer, _ = await resource.delete(ctx, "p", DeleteOptions(grace_period_seconds=60))
        assert longer.object.metadata.deletion_grace_period_seconds == 30
        shorter, gone = await resource.delete(ctx, "p", DeleteOptions(grace_period_seconds=10))
        meta = shorter.object.metadata
        assert not gone
        assert (meta.deletion_timestamp, meta.deletion_grace_period_seconds) == (
            from_seconds(ctx.now + 10),
            10,
        )

    @pytest.mark.parametrize("before", [(), (DeleteOptions(),)], ids=["at first", "after a graceful one"])
    async def test_no_grace_at_all(self, resource, ctx, pod, before):
        for options in before:
            await resource.delete(ctx, "p", options)
        _, gone = await resource.delete(ctx, "p", DeleteOptions(grace_period_seconds=0))
        assert gone
        with pytest.raises(ApiError, match='pods "p" not found'):
            await resource.get(ctx, "p")

    async def test_a_negative_grace_is_one_second(self, resource, ctx, pod):
        result, _ = await resource.delete(ctx, "p", DeleteOptions(grace_period_seconds=-5))
        assert result.object.metadata.deletion_grace_period_seconds == 1

    async def test_finalizers_outlast_the_grace(self, resource, ctx, pod):
        held = with_meta(pod, finalizers=("x/y",))
        await resource.update(ctx, "p", to(held))
        _, gone = await resource.delete(ctx, "p", DeleteOptions(grace_period_seconds=0))
        assert not gone
        await resource.update(ctx, "p", change(lambda old: with_meta(old, finalizers=())))
        with pytest.raises(ApiError, match="not found"):
            await resource.get(ctx, "p")

    async def test_an_update_does_not_stop_it(self, resource, ctx, pod):
        result, _ = await resource.delete(ctx, "p", DeleteOptions())
        wanted = with_meta(result.object, deletion_timestamp=None, deletion_grace_period_seconds=None)
        meta = (await resource.update(ctx, "p", to(wanted))).object.metadata
        assert (meta.deletion_timestamp, meta.deletion_grace_period_seconds) == (
            from_seconds(ctx.now + 30),
            30,
        )


class TestDeleteCollection:
    async def test_what_is_listed_goes(self, configmaps, ctx, config_map, context):
        for name in ("a", "b", "c"):
            await configmaps.create(ctx, "", config_map(name))
        await configmaps.create(context(namespace="other"), "", config_map("a"))
        selection = Selection(namespace="default", matches=lambda obj: obj.metadata.name != "b")
        result = await configmaps.delete_collection(ctx, DeleteOptions(), ListOptions(selection=selection))
        assert [entry.object.metadata.name for entry in result.entries] == ["a", "c"]
        left = await configmaps.list(ctx, ListOptions())
        assert [(e.object.metadata.namespace, e.object.metadata.name) for e in left.entries] == [
            ("default", "b"),
            ("other", "a"),
        ]

    async def test_more_than_a_page(self, configmaps, ctx, config_map, monkeypatch):
        monkeypatch.setattr("kube.apiserver.registry.store.DELETE_COLLECTION_PAGE", 2)
        for name in "abcde":
            await configmaps.create(ctx, "", config_map(name))
        result = await configmaps.delete_collection(ctx, DeleteOptions(), ListOptions())
        assert len(result.entries) == 5
        assert not (await configmaps.list(ctx, ListOptions())).entries

    async def test_a_limit_is_kept(self, configmaps, ctx, config_map):
        for name in "abc":
            await configmaps.create(ctx, "", config_map(name))
        result = await configmaps.delete_collection(ctx, DeleteOptions(), ListOptions(limit=2))
        assert [entry.object.metadata.name for entry in result.entries] == ["a", "b"]
        assert len((await configmaps.list(ctx, ListOptions())).entries) == 1


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
