"""What the plug-ins make of a pod: accounts, tokens, tolerations, priorities, runtime classes, places."""

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import (
    Binding,
    Container,
    LocalObjectReference,
    Node,
    NodeSpec,
    ObjectReference,
    Pod,
    PodSpec,
    SecretVolumeSource,
    ServiceAccount,
    Taint,
    Toleration,
    Volume,
    VolumeMount,
)
from kube.api.types.node_v1 import Overhead, RuntimeClass, Scheduling
from kube.api.types.scheduling_v1 import PriorityClass
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.quantity import Quantity

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def pod(name="p", *, annotations=None, containers=(), **spec):
    containers = containers or (Container(name="c", image="i"),)
    meta = ObjectMeta(name=name, namespace="default", annotations=annotations or {})
    return Pod(metadata=meta, spec=PodSpec(containers=containers, **spec))


async def refused(call):
    with pytest.raises(ApiError) as error:
        await call
    assert error.value.code == 403
    return error.value.message


# service accounts


async def test_a_pod_has_the_default_account_and_its_token(api):
    made = await api.create(pod(init_containers=(Container(name="i", image="i"),)))
    assert (made.spec.service_account_name, made.spec.service_account) == ("default", "default")
    (volume,) = made.spec.volumes
    assert volume.name.startswith("kube-api-access-")
    assert len(volume.name) == len("kube-api-access-") + 5
    for container in (*made.spec.containers, *made.spec.init_containers):
        (mount,) = container.volume_mounts
        assert (mount.name, mount.mount_path, mount.read_only) == (volume.name, TOKEN, True)
    token, ca, namespace = volume.projected.sources
    assert (token.service_account_token.path, token.service_account_token.expiration_seconds) == (
        "token",
        3607,
    )
    assert (ca.config_map.name, ca.config_map.items[0].key) == ("kube-root-ca.crt", "ca.crt")
    assert namespace.downward_api.items[0].field_ref.field_path == "metadata.namespace"
    assert volume.projected.default_mode == 420


@pytest.mark.parametrize(
    ("of_pod", "of_account", "mounted"),
    [
        pytest.param(None, None, True, id="by default"),
        pytest.param(None, False, False, id="the account says no"),
        pytest.param(True, False, True, id="the pod says yes"),
        pytest.param(False, None, False, id="the pod says no"),
    ],
)
async def test_who_decides_about_the_token(api, of_pod, of_account, mounted):
    account = ServiceAccount(
        metadata=ObjectMeta(name="robot", namespace="default"), automount_service_account_token=of_account
    )
    await api.create(account)
    made = await api.create(pod(service_account_name="robot", automount_service_account_token=of_pod))
    assert bool(made.spec.volumes) is mounted


async def test_a_container_s_own_mount_stays(api):
    own = Container(name="a", image="i", volume_mounts=(VolumeMount(name="v", mount_path=TOKEN),))
    volume = Volume(name="v", secret=SecretVolumeSource(secret_name="s"))
    made = await api.create(pod(containers=(own, Container(name="b", image="i")), volumes=(volume,)))
    assert [mount.name for mount in made.spec.containers[0].volume_mounts] == ["v"]
    assert made.spec.containers[1].volume_mounts[0].name.startswith("kube-api-access-")
    alone = await api.create(pod("q", containers=(own,), volumes=(volume,)))
    assert len(alone.spec.volumes) == 1


async def test_pull_secrets_come_from_the_account(api):
    account = ServiceAccount(
        metadata=ObjectMeta(name="robot", namespace="default"),
        image_pull_secrets=(LocalObjectReference(name="registry"),),
    )
    await api.create(account)
    made = await api.create(pod(service_account_name="robot"))
    assert [each.name for each in made.spec.image_pull_secrets] == ["registry"]
    own = (LocalObjectReference(name="own"),)
    made = await api.create(pod("q", service_account_name="robot", image_pull_secrets=own))
    assert made.spec.image_pull_secrets == own


async def test_an_account_that_is_not_there(api):
    message = await refused(api.create(pod(service_account_name="robot")))
    assert message == (
        'pods "p" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found'
    )


async def test_mirror_pods_have_no_account(api):
    mirror = {"kubernetes.io/config.mirror": "x"}
    message = await refused(api.create(pod(annotations=mirror, service_account_name="default")))
    assert message.endswith("a mirror pod may not reference service accounts")
    secret = Volume(name="v", secret=SecretVolumeSource(secret_name="s"))
    message = await refused(api.create(pod(annotations=mirror, volumes=(secret,))))
    assert message.endswith("a mirror pod may not reference secrets")


# tolerations and priorities


def ours(made):
    return [(each.key, each.effect, each.toleration_seconds) for each in made.spec.tolerations]


NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"


@pytest.mark.parametrize(
    ("held", "added"),
    [
        pytest.param((), (NOT_READY, UNREACHABLE), id="none"),
        pytest.param(
            (Toleration(key=NOT_READY, operator="Exists", effect="NoExecute", toleration_seconds=1),),
            (UNREACHABLE,),
            id="one of the two",
        ),
        pytest.param(
            (Toleration(key=NOT_READY, operator="Exists", effect="NoSchedule"),),
            (NOT_READY, UNREACHABLE),
            id="another effect",
        ),
        pytest.param((Toleration(operator="Exists"),), (), id="everything"),
    ],
)
async def test_pods_tolerate_dead_nodes_for_a_while(api, held, added):
    made = await api.create(pod(tolerations=held))
    assert ours(made)[len(held) :] == [(key, "NoExecute", 300) for key in added]


def priority_class(name, value, **fields):
    return PriorityClass(metadata=ObjectMeta(name=name), value=value, **fields)


async def test_a_pod_without_a_class_has_priority_0(api):
    made = await api.create(pod())
    spec = made.spec
    assert (spec.priority, spec.preemption_policy, spec.priority_class_name) == (
        0,
        "PreemptLowerPriority",
        "",
    )


async def test_the_class_gives_the_number(api):
    await api.create(priority_class("high", 1000, preemption_policy="Never"))
    made = await api.create(pod(priority_class_name="high"))
    assert (made.spec.priority, made.spec.preemption_policy) == (1000, "Never")
    agreed = await api.create(pod("q", priority_class_name="high", priority=1000))
    assert agreed.spec.priority == 1000


async def test_the_default_class(api):
    await api.create(priority_class("usual", 7, global_default=True))
    made = await api.create(pod())
    assert (made.spec.priority, made.spec.priority_class_name) == (7, "usual")
    message = await refused(api.create(priority_class("other", 8, global_default=True)))
    assert message == (
        'priorityclasses.scheduling.k8s.io "other" is forbidden: '
        "PriorityClass usual is already marked as default. Only one default can exist"
    )


async def test_priorities_that_are_refused(api):
    message = await refused(api.create(pod(priority_class_name="none")))
    assert message == 'pods "p" is forbidden: no PriorityClass with name none was found'
    message = await refused(api.create(pod(priority=5)))
    assert message.endswith(
        "the integer value of priority (5) must not be provided in pod spec; "
        "priority admission controller computed 0 from the given PriorityClass name"
    )
    await api.create(priority_class("never", 1, preemption_policy="Never"))
    wrong = pod(priority_class_name="never", preemption_policy="PreemptLowerPriority")
    message = await refused(api.create(wrong))
    assert "the string value of PreemptionPolicy (PreemptLowerPriority)" in message


async def test_an_update_that_leaves_the_priority_out_keeps_it(api):
    made = await api.create(pod())
    bare = replace(made, spec=replace(made.spec, priority=None, preemption_policy=None))
    held = await api.update(bare)
    assert (held.spec.priority, held.spec.preemption_policy) == (0, "PreemptLowerPriority")


# runtime classes


async def runtime_class(api, **fields):
    await api.create(RuntimeClass(metadata=ObjectMeta(name="kata"), handler="kata", **fields))


async def test_a_runtime_class_brings_its_overhead_and_place(api):
    fixed = {"cpu": Quantity("250m")}
    toleration = Toleration(key="kata", operator="Exists")
    await runtime_class(
        api,
        overhead=Overhead(pod_fixed=fixed),
        scheduling=Scheduling(node_selector={"kata": "yes"}, tolerations=(toleration,)),
    )
    made = await api.create(pod(runtime_class_name="kata", node_selector={"disk": "ssd"}))
    assert made.spec.overhead == fixed
    assert made.spec.node_selector == {"disk": "ssd", "kata": "yes"}
    assert toleration in made.spec.tolerations
    message = await refused(api.create(pod("q", runtime_class_name="kata", overhead={"cpu": Quantity("1")})))
    assert message.endswith("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    message = await refused(api.create(pod("q", runtime_class_name="kata", node_selector={"kata": "no"})))
    assert message.endswith(
        "conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no"
    )


async def test_runtime_classes_that_are_not_there(api):
    message = await refused(api.create(pod(runtime_class_name="kata")))
    assert message.endswith('pod rejected: RuntimeClass "kata" not found')
    message = await refused(api.create(pod(overhead={"cpu": Quantity("1")})))
    assert message.endswith(
        "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
    )


# nodes


@pytest.mark.parametrize(
    "taints",
    [
        pytest.param((), id="none"),
        pytest.param((Taint(key=NOT_READY, effect="NoSchedule"),), id="its own"),
        pytest.param((Taint(key="dedicated", effect="NoExecute"),), id="another"),
    ],
)
async def test_a_new_node_is_tainted_once(api, taints):
    node = Node(metadata=ObjectMeta(name="n1"), spec=NodeSpec(taints=taints))
    made = await api.create(node)
    told = [(each.key, each.effect) for each in made.spec.taints]
    assert told.count((NOT_READY, "NoSchedule")) == 1
    assert set(taints) <= set(made.spec.taints)


async def test_a_bound_pod_is_labelled_with_its_zone(api):
    labels = {"topology.kubernetes.io/zone": "z1", "disk": "ssd"}
    await api.create(Node(metadata=ObjectMeta(name="n1", labels=labels)))
    await api.create(pod())
    target = ObjectReference(kind="Node", name="n1")
    binding = Binding(metadata=ObjectMeta(name="p", namespace="default"), target=target)
    await api.call("create", Pod, "p", binding, subresource="binding")
    assert (await api.get(Pod, "p")).metadata.labels == {"topology.kubernetes.io/zone": "z1"}
    made = await api.create(pod("q", node_name="n1"))
    assert made.metadata.labels == {"topology.kubernetes.io/zone": "z1"}
