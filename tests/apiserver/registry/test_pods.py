"""Pods through the whole server: creation, graceful deletion, binding, eviction, and their subresources."""

import pytest
from msgspec.structs import replace

from kube.api.types import policy_v1, policy_v1beta1
from kube.api.types.core_v1 import (
    Affinity,
    Binding,
    Container,
    EphemeralContainer,
    ObjectReference,
    Pod,
    PodAffinityTerm,
    PodAntiAffinity,
    PodCondition,
    PodSchedulingGate,
    PodSpec,
    PodStatus,
    ResourceRequirements,
)
from kube.api.types.policy_v1 import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import DeleteOptions, LabelSelector, ObjectMeta, Preconditions, Status
from kube.apimachinery.quantity import Quantity


def pod(name="p", labels=None, **spec):
    container = Container(name="c", image="i", resources=spec.pop("resources", ResourceRequirements()))
    meta = ObjectMeta(name=name, namespace="default", labels=labels or {})
    return Pod(metadata=meta, spec=PodSpec(containers=(container,), **spec))


def binding(name="p", node="n1", **meta):
    return Binding(
        metadata=ObjectMeta(name=name, namespace="default", **meta),
        target=ObjectReference(kind="Node", name=node),
    )


async def bind(api, name="p", node="n1", **meta):
    return await api.call("create", Pod, name, binding(name, node, **meta), subresource="binding")


async def set_status(api, made, **status):
    held = await api.get(Pod, made.metadata.name)
    return await api.update(replace(held, status=replace(held.status, **status)), subresource="status")


async def test_a_new_pod_is_pending_whatever_it_claims(api):
    made = await api.create(replace(pod(), status=PodStatus(phase="Running", pod_ip="1.2.3.4")))
    assert made.metadata.generation == 1
    assert made.status == PodStatus(phase="Pending", qos_class="BestEffort")


async def test_the_qos_class_is_set_at_creation(api):
    both = {"cpu": Quantity("1"), "memory": Quantity("1Gi")}
    made = await api.create(pod(resources=ResourceRequirements(requests=both, limits=both)))
    assert made.status.qos_class == "Guaranteed"


async def test_a_gated_pod_says_why_it_is_not_scheduled(api):
    made = await api.create(pod(scheduling_gates=(PodSchedulingGate(name="example.com/wait"),)))
    (condition,) = made.status.conditions
    assert (condition.type, condition.status, condition.reason) == (
        "PodScheduled",
        "False",
        "SchedulingGated",
    )
    with pytest.raises(ApiError, match=r"pod p has non-empty \.spec\.schedulingGates") as refused:
        await bind(api)
    assert refused.value.code == 409


async def test_match_label_keys_become_part_of_the_selector(api):
    term = PodAffinityTerm(
        topology_key="zone",
        label_selector=LabelSelector(match_labels={"app": "a"}),
        match_label_keys=("app-version", "absent"),
        mismatch_label_keys=("tenant",),
    )
    affinity = Affinity(
        pod_anti_affinity=PodAntiAffinity(required_during_scheduling_ignored_during_execution=(term,))
    )
    made = await api.create(pod(labels={"app-version": "2", "tenant": "t"}, affinity=affinity))
    (held,) = made.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
    found = [(each.key, each.operator, each.values) for each in held.label_selector.match_expressions]
    assert found == [("app-version", "In", ("2",)), ("tenant", "NotIn", ("t",))]


async def test_a_name_that_is_no_host_name_is_warned_of(api):
    await api.create(pod("a.b"))
    (warning,) = api.warnings
    assert warning.startswith("metadata.name: this is used in the Pod's hostname")


async def test_generation_counts_changes_of_the_spec_alone(api):
    made = await api.create(pod())
    labelled = await api.update(replace(made, metadata=replace(made.metadata, labels={"a": "b"})))
    assert labelled.metadata.generation == 1
    container = replace(labelled.spec.containers[0], image="j")
    changed = await api.update(replace(labelled, spec=replace(labelled.spec, containers=(container,))))
    assert changed.metadata.generation == 2


@pytest.mark.parametrize(
    ("node", "phase", "asked", "grace"),
    [
        pytest.param("", "Pending", None, None, id="not on a node"),
        pytest.param("n1", "Running", None, 30, id="the pod's own period"),
        pytest.param("n1", "Running", 5, 5, id="a shorter one"),
        pytest.param("n1", "Running", 0, None, id="at once"),
        pytest.param("n1", "Succeeded", None, None, id="succeeded"),
        pytest.param("n1", "Failed", 60, None, id="failed"),
    ],
)
async def test_graceful_deletion(api, node, phase, asked, grace):
    made = await api.create(pod())
    if node:
        await bind(api)
    await set_status(api, made, phase=phase)
    options = {} if asked is None else {"grace_period_seconds": asked}
    answer = await api.delete(Pod, "p", **options)
    left = await api.call("list", Pod)
    if grace is None:
        assert left == []
        return
    assert answer.metadata.deletion_grace_period_seconds == grace
    assert left[0].metadata.deletion_timestamp is not None
    assert left[0].metadata.generation == 2
    await api.delete(Pod, "p", grace_period_seconds=0)
    assert await api.call("list", Pod) == []


# binding


async def test_binding_assigns_the_pod(api):
    await api.create(pod())
    answer = await bind(api, annotations={"why": "because"})
    assert answer == Status(status="Success")
    held = await api.get(Pod, "p")
    assert held.spec.node_name == "n1"
    assert held.metadata.annotations["why"] == "because"
    assert held.metadata.generation == 1
    (condition,) = held.status.conditions
    assert (condition.type, condition.status) == ("PodScheduled", "True")
    assert condition.last_transition_time is not None
    assert [
        each.metadata.name for each in await api.call("list", Pod, field_selector="spec.nodeName=n1")
    ] == ["p"]


async def test_binding_forgets_the_nominated_node(api):
    made = await api.create(pod())
    await set_status(api, made, nominated_node_name="n9")
    await bind(api)
    assert (await api.get(Pod, "p")).status.nominated_node_name == ""


async def test_a_pod_is_bound_once(api):
    await api.create(pod())
    await bind(api)
    with pytest.raises(ApiError) as refused:
        await bind(api, node="n2")
    assert refused.value.code == 409
    assert refused.value.message == (
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"'
    )


async def test_binding_a_pod_that_is_not_there(api):
    with pytest.raises(ApiError) as refused:
        await bind(api, "q")
    assert (refused.value.code, refused.value.message) == (404, 'pods "q" not found')


async def test_a_binding_of_another_pod_of_that_name_is_refused(api):
    await api.create(pod())
    with pytest.raises(ApiError) as refused:
        await bind(api, uid="another")
    assert refused.value.code == 409


async def test_bindings_of_their_own(api):
    await api.create(pod())
    await api.create(binding())
    assert (await api.get(Pod, "p")).spec.node_name == "n1"


async def test_a_dry_binding_binds_nothing(api):
    await api.create(pod())
    await api.call("create", Pod, "p", binding(), subresource="binding", dry_run=True)
    assert (await api.get(Pod, "p")).spec.node_name == ""


# status and parts of the spec


async def test_a_status_keeps_owners_qos_and_observed_generations(api):
    made = await api.create(pod())
    ready = PodCondition(type="Ready", status="False", observed_generation=1)
    await set_status(api, made, observed_generation=1, conditions=(ready,))
    bare = replace(ready, status="True", observed_generation=0)
    held = await set_status(api, made, observed_generation=0, qos_class="", conditions=(bare,))
    assert (held.status.observed_generation, held.status.qos_class) == (1, "BestEffort")
    assert (held.status.conditions[0].status, held.status.conditions[0].observed_generation) == ("True", 1)


async def test_ephemeral_containers_are_added_by_their_subresource_alone(api):
    made = await api.create(pod())
    debug = EphemeralContainer(name="debug", image="busybox", image_pull_policy="Always")
    wanted = replace(made, spec=replace(made.spec, ephemeral_containers=(debug,), hostname="other"))
    held = await api.update(wanted, subresource="ephemeralcontainers")
    assert [each.name for each in held.spec.ephemeral_containers] == ["debug"]
    assert (held.spec.hostname, held.metadata.generation) == ("", 2)


async def test_resize_changes_sizes_alone(api):
    small = ResourceRequirements(requests={"cpu": Quantity("1")})
    made = await api.create(pod(resources=small))
    container = replace(
        made.spec.containers[0],
        image="other",
        resources=ResourceRequirements(requests={"cpu": Quantity("2")}),
    )
    wanted = replace(made, spec=replace(made.spec, containers=(container,)))
    held = await api.update(wanted, subresource="resize")
    assert held.spec.containers[0].resources.requests == {"cpu": "2"}
    assert (held.spec.containers[0].image, held.metadata.generation) == ("i", 2)


# eviction


def eviction(name="p", kind=policy_v1.Eviction, **options):
    return kind(
        metadata=ObjectMeta(name=name, namespace="default"),
        delete_options=DeleteOptions(**options) if options else None,
    )


async def evict(api, name="p", kind=policy_v1.Eviction, **options):
    return await api.call("create", Pod, name, eviction(name, kind, **options), subresource="eviction")


async def running(api, name="p", *, ready=True):
    made = await api.create(pod(name, labels={"app": "a"}))
    await bind(api, name)
    condition = PodCondition(type="Ready", status="True" if ready else "False")
    return await set_status(api, made, phase="Running", conditions=(condition,))


async def budget(api, name="b", *, policy=None, **status):
    spec = PodDisruptionBudgetSpec(
        min_available=1,
        selector=LabelSelector(match_labels={"app": "a"}),
        unhealthy_pod_eviction_policy=policy,
    )
    made = await api.create(
        PodDisruptionBudget(metadata=ObjectMeta(name=name, namespace="default"), spec=spec)
    )
    full = {"observed_generation": 1, "desired_healthy": 1, **status}
    return await api.update(replace(made, status=PodDisruptionBudgetStatus(**full)), subresource="status")


@pytest.mark.parametrize("kind", [policy_v1.Eviction, policy_v1beta1.Eviction], ids=["v1", "v1beta1"])
async def test_eviction_without_a_budget_is_a_deletion(api, kind):
    await running(api)
    assert await evict(api, kind=kind) == Status(status="Success")
    held = await api.get(Pod, "p")
    assert held.metadata.deletion_timestamp is not None
    condition = held.status.conditions[-1]
    assert (condition.type, condition.reason) == ("DisruptionTarget", "EvictionByEvictionAPI")


async def test_eviction_uses_the_budget_up(api):
    await running(api)
    await running(api, "q")
    await budget(api, disruptions_allowed=1, current_healthy=2)
    await evict(api)
    held = (await api.get(PodDisruptionBudget, "b")).status
    assert (held.disruptions_allowed, list(held.disrupted_pods)) == (0, ["p"])
    assert (held.conditions[0].type, held.conditions[0].status) == ("DisruptionAllowed", "False")
    await api.update(
        replace(await api.get(PodDisruptionBudget, "b"), status=replace(held, current_healthy=1)),
        subresource="status",
    )
    with pytest.raises(ApiError) as refused:
        await evict(api, "q")
    error = refused.value
    assert (error.code, error.message) == (
        429,
        "Cannot evict pod as it would violate the pod's disruption budget.",
    )
    (cause,) = error.causes
    assert (cause.reason, cause.message) == (
        "DisruptionBudget",
        "The disruption budget b needs 1 healthy pods and has 1 currently",
    )
    assert (await api.get(Pod, "q")).metadata.deletion_timestamp is None


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        pytest.param({"observed_generation": 0}, 429, "still being processed", id="not yet seen"),
        pytest.param({"current_healthy": 3}, 429, "does not allow evicting pods currently", id="not allowed"),
    ],
)
async def test_budgets_that_refuse(api, status, code, message):
    await running(api)
    await budget(api, **status)
    with pytest.raises(ApiError) as refused:
        await evict(api)
    told = " ".join([refused.value.message, *(cause.message for cause in refused.value.causes)])
    assert refused.value.code == code
    assert message in told


@pytest.mark.parametrize(
    ("policy", "healthy", "evicted"),
    [
        pytest.param(None, 1, True, id="enough others are healthy"),
        pytest.param(None, 0, False, id="too few are healthy"),
        pytest.param("AlwaysAllow", 0, True, id="always"),
    ],
)
async def test_pods_that_are_not_ready(api, policy, healthy, evicted):
    await running(api, ready=False)
    await budget(api, policy=policy, current_healthy=healthy)
    if evicted:
        await evict(api)
    else:
        with pytest.raises(ApiError, match="violate"):
            await evict(api)
    assert ((await api.get(Pod, "p")).metadata.deletion_timestamp is not None) is evicted


async def test_a_pending_pod_needs_no_budget(api):
    await api.create(pod(labels={"app": "a"}))
    await budget(api)
    await evict(api)
    assert await api.call("list", Pod) == []


async def test_a_pod_of_two_budgets_is_not_evicted(api):
    await running(api)
    await budget(api, "b")
    await budget(api, "c")
    with pytest.raises(ApiError, match="more than one PodDisruptionBudget") as refused:
        await evict(api)
    assert refused.value.code == 500


async def test_a_dry_eviction_changes_nothing(api):
    before = await running(api)
    await budget(api, disruptions_allowed=1, current_healthy=2)
    await evict(api, dry_run=("All",))
    assert await api.get(Pod, "p") == before
    assert (await api.get(PodDisruptionBudget, "b")).status.disruptions_allowed == 1


async def test_eviction_keeps_the_caller_s_preconditions(api):
    await running(api)
    with pytest.raises(ApiError) as refused:
        await evict(api, preconditions=Preconditions(uid="another"))
    assert refused.value.code == 409
    with pytest.raises(ApiError) as refused:
        await evict(api, preconditions=Preconditions(resource_version="1"))
    assert refused.value.code == 409
