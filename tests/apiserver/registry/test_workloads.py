"""Workloads: generations, generated selectors, scale, and what becomes of their pods."""

import pytest
from msgspec.structs import replace

from kube.api.types.apps_v1 import (
    DaemonSet,
    DaemonSetSpec,
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    ReplicaSet,
    ReplicaSetSpec,
    StatefulSet,
    StatefulSetSpec,
)
from kube.api.types.autoscaling_v1 import Scale, ScaleSpec
from kube.api.types.batch_v1 import Job, JobSpec, JobStatus
from kube.api.types.core_v1 import (
    Container,
    PodSpec,
    PodTemplateSpec,
    ReplicationController,
    ReplicationControllerSpec,
)
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta
from kube.client.interface import Patch

LABELS = {"app": "a"}
SELECTOR = LabelSelector(match_labels=LABELS)


def template(labels=LABELS, **spec):
    return PodTemplateSpec(
        metadata=ObjectMeta(labels=labels),
        spec=PodSpec(containers=(Container(name="c", image="i"),), **spec),
    )


def meta(name="w", **more):
    return ObjectMeta(name=name, namespace="default", **more)


def deployment(**spec):
    return Deployment(metadata=meta(), spec=DeploymentSpec(selector=SELECTOR, template=template(), **spec))


SCALED = [
    pytest.param(deployment(replicas=2), id="deployments"),
    pytest.param(
        ReplicaSet(metadata=meta(), spec=ReplicaSetSpec(replicas=2, selector=SELECTOR, template=template())),
        id="replicasets",
    ),
    pytest.param(
        StatefulSet(
            metadata=meta(), spec=StatefulSetSpec(replicas=2, selector=SELECTOR, template=template())
        ),
        id="statefulsets",
    ),
    pytest.param(
        ReplicationController(
            metadata=meta(),
            spec=ReplicationControllerSpec(replicas=2, selector=LABELS, template=template()),
        ),
        id="replicationcontrollers",
    ),
]


@pytest.mark.parametrize("obj", SCALED)
async def test_scale(api, obj):
    kind = type(obj)
    made = await api.create(obj)
    assert made.metadata.generation == 1
    scale = await api.get(kind, "w", subresource="scale")
    assert (scale.spec.replicas, scale.status.selector) == (2, "app=a")
    changed = await api.call(
        "update", kind, "w", replace(scale, spec=ScaleSpec(replicas=5)), subresource="scale"
    )
    assert changed.spec.replicas == 5
    held = await api.get(kind, "w")
    assert (held.spec.replicas, held.metadata.generation) == (5, 2)
    patch = Patch("application/merge-patch+json", b'{"spec":{"replicas":0}}')
    patched = await api.call("patch", kind, "w", patch, subresource="scale")
    assert (patched.spec.replicas, (await api.get(kind, "w")).spec.replicas) == (0, 0)


async def test_a_stale_scale_is_a_conflict(api):
    await api.create(deployment())
    scale = await api.get(Deployment, "w", subresource="scale")
    await api.call("update", Deployment, "w", replace(scale, spec=ScaleSpec(replicas=3)), subresource="scale")
    with pytest.raises(ApiError) as refused:
        await api.call("update", Deployment, "w", scale, subresource="scale")
    assert refused.value.code == 409
    negative = Scale(metadata=meta(), spec=ScaleSpec(replicas=-1))
    with pytest.raises(ApiError, match="must be greater than or equal to 0") as refused:
        await api.call("update", Deployment, "w", negative, subresource="scale")
    assert refused.value.code == 422


async def test_a_deployment_counts_its_annotations(api):
    made = await api.create(replace(deployment(), status=DeploymentStatus(replicas=9)))
    assert made.status.replicas == 0
    labelled = await api.update(replace(made, metadata=replace(made.metadata, labels={"a": "b"})))
    assert labelled.metadata.generation == 1
    noted = await api.update(replace(labelled, metadata=replace(labelled.metadata, annotations={"a": "b"})))
    assert noted.metadata.generation == 2
    reported = replace(noted, status=DeploymentStatus(observed_generation=2))
    held = await api.update(reported, subresource="status")
    assert (held.metadata.generation, held.status.observed_generation) == (2, 2)


async def test_a_daemon_set_counts_its_templates(api):
    key = "deprecated.daemonset.template.generation"
    made = await api.create(
        DaemonSet(metadata=meta(), spec=DaemonSetSpec(selector=SELECTOR, template=template()))
    )
    assert made.metadata.annotations == {key: "1"}
    slower = await api.update(replace(made, spec=replace(made.spec, min_ready_seconds=5)))
    assert (slower.metadata.annotations[key], slower.metadata.generation) == ("1", 2)
    changed = replace(slower.spec, template=template(termination_grace_period_seconds=5))
    held = await api.update(replace(slower, spec=changed))
    assert (held.metadata.annotations[key], held.metadata.generation) == ("2", 3)


# jobs


def job(**spec):
    return Job(metadata=meta(), spec=JobSpec(template=template({}, restart_policy="Never"), **spec))


async def test_a_job_selects_its_own_pods(api):
    made = await api.create(replace(job(), status=JobStatus(active=3)))
    uid = made.metadata.uid
    assert made.status.active == 0
    assert made.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": uid}
    assert made.spec.template.metadata.labels == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "w",
        "controller-uid": uid,
        "job-name": "w",
    }


async def test_a_job_may_select_by_hand(api):
    by_hand = Job(
        metadata=meta(),
        spec=JobSpec(manual_selector=True, selector=SELECTOR, template=template(restart_policy="Never")),
    )
    made = await api.create(by_hand)
    assert made.spec.selector == SELECTOR
    assert made.spec.template.metadata.labels == LABELS


async def test_deleting_a_job_without_a_policy_orphans_and_says_so(api):
    await api.create(job())
    answer = await api.delete(Job, "w")
    assert answer.metadata.finalizers == ("orphan",)
    assert api.warnings[0].startswith("child pods are preserved by default when jobs are deleted")


async def test_deleting_with_a_policy_is_silent(api):
    await api.create(job())
    await api.delete(Job, "w", propagation_policy="Background")
    assert api.warnings == []
    assert await api.call("list", Job) == []


async def test_names_that_are_no_host_names_are_warned_of(api):
    made = deployment()
    await api.create(replace(made, metadata=meta("a.b")))
    assert api.warnings[0].startswith("metadata.name: this is used in Pod names and hostnames")
