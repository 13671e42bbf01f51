"""Deletion by the generic registry store: at once, gracefully, by collection, over the real storage."""

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import Container, Pod, PodSpec
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
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
