"""Status and scale of any kind."""

import pytest
from msgspec.structs import replace

from kube.api.defaults import default
from kube.api.types.apps_v1 import Deployment, DeploymentSpec, DeploymentStatus
from kube.api.types.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus
from kube.api.types.core_v1 import Container, PodSpec, PodTemplateSpec, ReplicationController
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta
from kube.apiserver.registry.strategy import Strategy
from kube.apiserver.registry.subresources import ScaleRest, Scaling, StatusRest

LABELS = {"app": "web", "tier": "front"}
TEMPLATE = PodTemplateSpec(
    metadata=ObjectMeta(labels=LABELS), spec=PodSpec(containers=(Container(name="c", image="i"),))
)


class Lenient(Strategy):
    """These tests are not about the rules of deployments."""

    def validate(self, ctx, obj):
        return []

    def validate_update(self, ctx, new, old):
        return []


@pytest.fixture
def deployments(server):
    return server.install("deployments", "apps", make=Lenient)


@pytest.fixture
def ctx(context):
    return context("deployments", "apps")


@pytest.fixture
async def made(deployments, ctx):
    spec = DeploymentSpec(replicas=2, selector=LabelSelector(match_labels=LABELS), template=TEMPLATE)
    obj = default(Deployment(metadata=ObjectMeta(name="d"), spec=spec))
    return (await deployments.create(ctx, "", obj)).object


def to(function):
    async def transform(old):
        return function(old)

    return transform


def replicas(number):
    return to(lambda scale: replace(scale, spec=ScaleSpec(replicas=number)))


class TestStatus:
    async def test_only_the_status_is_written(self, deployments, ctx, made):
        rest = StatusRest(deployments)
        wanted = to(lambda old: replace(old, spec=DeploymentSpec(), status=DeploymentStatus(replicas=2)))
        result = await rest.update(ctx, "d", wanted)
        assert result.object.spec == made.spec
        assert result.object.status.replicas == 2
        assert result.object.metadata.generation == made.metadata.generation
        assert (await rest.get(ctx, "d")).object == result.object


class TestScale:
    @pytest.fixture
    def scale(self, deployments):
        return ScaleRest(deployments)

    async def test_an_object_as_a_scale(self, scale, ctx, made):
        assert (await scale.get(ctx, "d")).object == Scale(
            metadata=ObjectMeta(
                name="d",
                namespace="default",
                uid=made.metadata.uid,
                resource_version=made.metadata.resource_version,
                creation_timestamp=made.metadata.creation_timestamp,
            ),
            spec=ScaleSpec(replicas=2),
            status=ScaleStatus(selector="app=web,tier=front"),
        )

    async def test_replicas_are_a_change_of_the_spec(self, scale, deployments, ctx, made):
        result = await scale.update(ctx, "d", replicas(5))
        stored = (await deployments.get(ctx, "d")).object
        assert result.object.spec.replicas == stored.spec.replicas == 5
        assert stored.metadata.generation == made.metadata.generation + 1
        assert result.object.metadata.resource_version == stored.metadata.resource_version

    async def test_negative(self, scale, ctx, made):
        with pytest.raises(ApiError) as caught:
            await scale.update(ctx, "d", replicas(-1))
        assert caught.value.code == 422
        assert caught.value.message == (
            'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: '
            "must be greater than or equal to 0"
        )

    async def test_a_stale_version(self, scale, ctx, made):
        stale = (await scale.get(ctx, "d")).object
        await scale.update(ctx, "d", replicas(5))
        with pytest.raises(ApiError, match="the object has been modified"):
            await scale.update(ctx, "d", to(lambda _: replace(stale, spec=ScaleSpec(replicas=3))))

    async def test_another_uid(self, scale, ctx, made):
        other = to(lambda old: replace(old, metadata=replace(old.metadata, uid="other")))
        with pytest.raises(ApiError, match="Precondition failed: UID in precondition: other") as caught:
            await scale.update(ctx, "d", other)
        assert caught.value.code == 409

    async def test_admission_sees_scales(self, scale, ctx, made):
        seen = []

        async def validate(new, old):
            seen.append((type(new), new.spec.replicas, old.spec.replicas))

        await scale.update(ctx, "d", replicas(5), validate_update=validate)
        assert seen == [(Scale, 5, 2)]

    def test_a_map_is_a_selector_too(self):
        obj = ReplicationController()
        obj = replace(obj, spec=replace(obj.spec, selector={"b": "2", "a": "1"}))
        assert Scaling().selector(obj) == "a=1,b=2"
