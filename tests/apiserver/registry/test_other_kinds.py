"""Details of the remaining kinds, through the whole server."""

import pytest
from msgspec.structs import replace

from kube.api.types import autoscaling_v1, autoscaling_v2, events_v1
from kube.api.types.certificates_v1 import (
    CertificateSigningRequest,
    CertificateSigningRequestCondition,
    CertificateSigningRequestSpec,
)
from kube.api.types.coordination_v1 import Lease
from kube.api.types.core_v1 import (
    ComponentStatus,
    ConfigMap,
    Event,
    HostPathVolumeSource,
    Node,
    NodeStatus,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeSpec,
    PersistentVolumeStatus,
    Secret,
    TypedLocalObjectReference,
    VolumeResourceRequirements,
)
from kube.api.types.node_v1 import RuntimeClass
from kube.api.types.policy_v1 import PodDisruptionBudget
from kube.apimachinery.errors import ApiError, is_not_found
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.quantity import Quantity
from kube.apimachinery.time import MicroTime
from kube.apiserver.registry.component_status import ComponentStatuses
from kube.apiserver.storage.interface import ListOptions, Selection


def meta(name="a", **more):
    return ObjectMeta(name=name, namespace="default", **more)


async def test_a_node_comes_with_its_status_and_changes_it_apart(api):
    status = NodeStatus(capacity={"cpu": Quantity("4")})
    made = await api.create(Node(metadata=ObjectMeta(name="n"), status=status))
    assert made.status.capacity == {"cpu": "4"}
    bare = await api.update(replace(made, status=NodeStatus()))
    assert bare.status == made.status


@pytest.mark.parametrize("kind", [ConfigMap, Secret])
async def test_immutable_data_stays(api, kind):
    made = await api.create(kind(metadata=meta(), immutable=True))
    with pytest.raises(ApiError, match="field is immutable when `immutable` is set") as refused:
        await api.update(replace(made, immutable=False))
    assert refused.value.code == 422


async def test_a_claim_is_pending_and_names_its_source_twice(api):
    source = TypedLocalObjectReference(kind="PersistentVolumeClaim", name="old")
    spec = PersistentVolumeClaimSpec(
        access_modes=("ReadWriteOnce",),
        resources=VolumeResourceRequirements(requests={"storage": Quantity("1Gi")}),
        data_source=source,
    )
    made = await api.create(PersistentVolumeClaim(metadata=meta(), spec=spec))
    assert made.status.phase == "Pending"
    assert made.spec.data_source_ref.name == "old"


async def test_a_volume_tells_when_its_phase_has_changed(api, clock):
    spec = PersistentVolumeSpec(
        capacity={"storage": Quantity("1Gi")},
        access_modes=("ReadWriteOnce",),
        host_path=HostPathVolumeSource(path="/data"),
    )
    made = await api.create(PersistentVolume(metadata=ObjectMeta(name="v"), spec=spec))
    first = made.status.last_phase_transition_time
    assert made.status.phase == "Pending"
    clock.advance(60)
    bound = replace(made, status=PersistentVolumeStatus(phase="Available"))
    held = await api.update(bound, subresource="status")
    assert held.status.last_phase_transition_time > first
    clock.advance(60)
    again = await api.update(
        replace(held, status=PersistentVolumeStatus(phase="Available")), subresource="status"
    )
    assert again.status.last_phase_transition_time == held.status.last_phase_transition_time


@pytest.mark.parametrize(
    "obj",
    [
        pytest.param(Lease(metadata=meta()), id="leases"),
        pytest.param(RuntimeClass(metadata=ObjectMeta(name="a"), handler="h"), id="runtimeclasses"),
    ],
)
async def test_some_kinds_are_created_by_put(api, obj):
    made = await api.update(obj)
    assert made.metadata.uid
    with pytest.raises(ApiError, match="must be specified for an update"):
        await api.update(obj)


async def test_others_are_not(api):
    with pytest.raises(ApiError) as refused:
        await api.update(ConfigMap(metadata=meta()))
    assert is_not_found(refused.value)


async def test_some_kinds_insist_on_a_version(api):
    await api.create(PodDisruptionBudget(metadata=meta()))
    with pytest.raises(ApiError, match="must be specified for an update"):
        await api.update(PodDisruptionBudget(metadata=meta()))


# events


def event(name="e", **fields):
    about = ObjectReference(kind="Pod", name="p", namespace="default")
    return Event(metadata=meta(name), involved_object=about, reason="R", message="m", type="Normal", **fields)


async def test_one_event_has_two_faces(api):
    await api.create(event(reporting_component="c", count=3))
    seen = await api.get(events_v1.Event, "e")
    assert (seen.regarding.name, seen.note, seen.reporting_controller) == ("p", "m", "c")
    assert seen.deprecated_count == 3
    (listed,) = await api.call("list", events_v1.Event, field_selector="regarding.name=p")
    assert listed == seen


async def test_the_newer_api_is_stricter(api):
    about = ObjectReference(kind="Pod", name="p", namespace="default")
    new = events_v1.Event(metadata=meta(), regarding=about, reason="R", note="n", type="Normal")
    with pytest.raises(ApiError) as refused:
        await api.create(new)
    assert refused.value.code == 422
    full = replace(
        new,
        event_time=MicroTime("2026-01-01T00:00:00.000000Z"),
        reporting_controller="example.com/c",
        reporting_instance="i",
        action="Act",
    )
    await api.create(full)
    assert (await api.get(Event, "a")).message == "n"


# autoscalers


async def test_one_autoscaler_has_two_faces(api):
    reference = autoscaling_v1.CrossVersionObjectReference(kind="Deployment", name="d", api_version="apps/v1")
    spec = autoscaling_v1.HorizontalPodAutoscalerSpec(
        scale_target_ref=reference, max_replicas=3, target_cpu_utilization_percentage=50
    )
    made = await api.create(autoscaling_v1.HorizontalPodAutoscaler(metadata=meta(), spec=spec))
    assert made.spec.target_cpu_utilization_percentage == 50
    seen = await api.get(autoscaling_v2.HorizontalPodAutoscaler, "a")
    (metric,) = seen.spec.metrics
    assert (metric.type, metric.resource.name, metric.resource.target.average_utilization) == (
        "Resource",
        "cpu",
        50,
    )


# certificates


def pem(kind):
    return f"-----BEGIN {kind}-----\neA==\n-----END {kind}-----\n".encode()


async def test_the_server_says_who_asks_for_a_certificate(api):
    spec = CertificateSigningRequestSpec(
        request=pem("CERTIFICATE REQUEST"),
        signer_name="example.com/s",
        usages=("client auth",),
        username="somebody else",
    )
    made = await api.create(CertificateSigningRequest(metadata=ObjectMeta(name="r"), spec=spec))
    assert (made.spec.username, made.spec.groups) == ("admin", ("system:masters",))
    approved = CertificateSigningRequestCondition(type="Approved", status="True", reason="R")
    decided = replace(made, status=replace(made.status, conditions=(approved,), certificate=b"x"))
    held = await api.update(decided, subresource="approval")
    assert [each.type for each in held.status.conditions] == ["Approved"]
    assert held.status.conditions[0].last_update_time is not None
    assert held.status.certificate == b""
    issued = replace(held, status=replace(held.status, conditions=(), certificate=pem("CERTIFICATE")))
    held = await api.update(issued, subresource="status")
    assert (held.status.certificate, len(held.status.conditions)) == (pem("CERTIFICATE"), 1)
    same = await api.update(replace(held, spec=replace(held.spec, signer_name="example.com/other")))
    assert same.spec == held.spec


# component statuses


async def test_component_statuses_are_asked_for(context):
    made = [ComponentStatus(metadata=ObjectMeta(name=name)) for name in ("scheduler", "etcd-0")]
    rest = ComponentStatuses(lambda: made)
    ctx = context("componentstatuses", namespace="")
    listed = await rest.list(ctx, ListOptions(selection=Selection()))
    assert [entry.object.metadata.name for entry in listed.entries] == ["etcd-0", "scheduler"]
    assert (await rest.get(ctx, "etcd-0")).object is made[1]
    with pytest.raises(ApiError) as refused:
        await rest.get(ctx, "other")
    assert is_not_found(refused.value)
