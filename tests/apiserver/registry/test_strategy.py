"""The behaviour that all kinds share."""

from msgspec.structs import replace

from kube.api.types.apps_v1 import Deployment, DeploymentSpec, DeploymentStatus
from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.registry.strategy import StatusStrategy, Strategy, differs_outside_status


def deployment(**changes) -> Deployment:
    return replace(Deployment(metadata=ObjectMeta(name="d", generation=3)), **changes)


SPEC = DeploymentSpec(replicas=3)
STATUS = DeploymentStatus(replicas=2)


def strategy(server) -> Strategy:
    return Strategy(server.row("deployments", "apps"))


def test_users_set_no_status_and_generation_starts_at_one(server, ctx):
    made = strategy(server).prepare_for_create(ctx, deployment(spec=SPEC, status=STATUS))
    assert (made.status, made.spec, made.metadata.generation) == (DeploymentStatus(), SPEC, 1)


def test_an_update_keeps_the_status_and_counts_its_changes(server, ctx):
    old = deployment(status=STATUS)
    new = strategy(server).prepare_for_update(ctx, deployment(spec=SPEC), old)
    assert (new.status, new.spec, new.metadata.generation) == (STATUS, SPEC, 4)


def test_metadata_alone_is_no_change_that_counts(server, ctx):
    old = deployment(status=STATUS)
    labelled = replace(old, metadata=replace(old.metadata, labels={"a": "b"}))
    assert strategy(server).prepare_for_update(ctx, labelled, old).metadata.generation == 3


def test_a_status_update_keeps_everything_else(server, ctx):
    old = deployment()
    wanted = deployment(
        spec=SPEC, status=STATUS, metadata=ObjectMeta(name="d", generation=3, labels={"a": "b"})
    )
    new = StatusStrategy(strategy(server)).prepare_for_update(ctx, wanted, old)
    assert (new.spec, new.status, new.metadata.labels) == (old.spec, STATUS, {"a": "b"})
    assert new.metadata.generation == 3


def test_kinds_without_status_or_generation(server, ctx):
    plain = Strategy(server.row("configmaps"))
    obj = ConfigMap(metadata=ObjectMeta(name="a"), data={"x": "y"})
    assert plain.prepare_for_create(ctx, obj) is obj
    assert plain.prepare_for_update(ctx, obj, ConfigMap(metadata=ObjectMeta(name="a"))) is obj


def test_differs_outside_status():
    assert not differs_outside_status(deployment(status=STATUS), deployment())
    assert differs_outside_status(deployment(spec=SPEC), deployment())
    assert differs_outside_status(ConfigMap(data={"x": "y"}), ConfigMap())


def test_metadata_is_validated_where_a_kind_has_no_rules(server, ctx):
    class Unruled(ConfigMap):
        pass

    plain = Strategy(server.row("configmaps"))
    obj = Unruled(metadata=ObjectMeta(name="a/b", namespace="default"))
    (error,) = plain.validate(ctx, obj)
    assert str(error) == "metadata.name: Invalid value: \"a/b\": may not contain '/'"
    old = Unruled(metadata=ObjectMeta(name="a", namespace="default", uid="1", resource_version="1"))
    new = replace(old, metadata=replace(old.metadata, uid="2"))
    (error,) = plain.validate_update(ctx, new, old)
    assert str(error) == 'metadata.uid: Invalid value: "2": field is immutable'


def test_warnings_are_said_once(ctx):
    ctx.warn("spec.x: deprecated")
    ctx.warn("spec.x: deprecated")
    assert ctx.warnings == ["spec.x: deprecated"]
