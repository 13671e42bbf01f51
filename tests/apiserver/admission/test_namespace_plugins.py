"""What a namespace allows: its life, its limits, its quotas; and defaults by class."""

import asyncio

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import (
    ConfigMap,
    Container,
    LimitRange,
    LimitRangeItem,
    LimitRangeSpec,
    Namespace,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    Pod,
    PodSpec,
    ResourceQuota,
    ResourceQuotaSpec,
    ResourceQuotaStatus,
    ResourceRequirements,
    Service,
    ServicePort,
    ServiceSpec,
    VolumeResourceRequirements,
)
from kube.api.types.networking_v1 import (
    Ingress,
    IngressBackend,
    IngressClass,
    IngressClassSpec,
    IngressServiceBackend,
    IngressSpec,
    ServiceBackendPort,
)
from kube.api.types.storage_v1 import StorageClass
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.quantity import Quantity
from kube.apiserver.admission.plugins.chain import default_chain
from kube.apiserver.admission.plugins.limit_ranger import pod_faults
from kube.base.chance import Chance


def quantities(**values):
    return {name: Quantity(value) for name, value in values.items()}


def meta(name, namespace="default"):
    return ObjectMeta(name=name, namespace=namespace)


def pod(name="p", *, requests=None, limits=None, **spec):
    resources = ResourceRequirements(requests=requests or {}, limits=limits or {})
    return Pod(
        metadata=meta(name),
        spec=PodSpec(containers=(Container(name="c", image="i", resources=resources),), **spec),
    )


async def refused(call, code=403):
    with pytest.raises(ApiError) as error:
        await call
    assert error.value.code == code
    return error.value


# NamespaceLifecycle


@pytest.mark.parametrize("resource", ["namespaces", "limitranges", "resourcequotas", "serviceaccounts"])
async def test_what_somebody_else_wrote_and_nobody_can_read_holds_up_nobody(api, store, resource):
    await api.create(pod("before"))
    scope = "" if resource == "namespaces" else "default/"
    await store.put(f"/registry/{resource}/{scope}bad".encode(), b"garbage")
    await asyncio.sleep(0)
    await api.create(pod("after"))


async def test_nothing_is_made_in_a_namespace_that_is_not_there(api):
    error = await refused(api.create(ConfigMap(metadata=meta("a", "none")), namespace="none"), 404)
    assert error.message == 'namespaces "none" not found'


async def test_nothing_is_made_in_a_namespace_that_goes(api):
    await api.create(Namespace(metadata=ObjectMeta(name="team")))
    held = await api.create(ConfigMap(metadata=meta("old", "team")), namespace="team")
    await api.delete(Namespace, "team")
    error = await refused(api.create(ConfigMap(metadata=meta("a", "team")), namespace="team"))
    assert error.message == (
        'configmaps "a" is forbidden: unable to create new content in namespace team because it is being terminated'
    )
    (cause,) = error.causes
    assert (cause.reason, cause.message, cause.field) == (
        "NamespaceTerminating",
        "namespace team is being terminated",
        "metadata.namespace",
    )
    await api.update(replace(held, data={"a": "b"}), namespace="team")
    await api.call("delete", ConfigMap, "old", namespace="team")


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
async def test_some_namespaces_stay(bare_api, name):
    await bare_api.create(Namespace(metadata=ObjectMeta(name=name)))
    error = await refused(bare_api.delete(Namespace, name))
    assert error.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


# LimitRanger


async def limits(api, *items):
    spec = LimitRangeSpec(limits=items)
    await api.create(LimitRange(metadata=meta("limits"), spec=spec))


async def test_containers_get_what_they_leave_out(api):
    await limits(
        api,
        LimitRangeItem(
            type="Container",
            default=quantities(cpu="2", memory="1Gi"),
            default_request=quantities(cpu="500m", memory="512Mi"),
        ),
    )
    made = await api.create(pod(limits=quantities(cpu="1")))
    resources = made.spec.containers[0].resources
    assert resources.limits == quantities(cpu="1", memory="1Gi")
    assert resources.requests == quantities(cpu="1", memory="512Mi")
    assert made.metadata.annotations["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: memory request for container c; memory limit for container c"
    )
    assert made.status.qos_class == "Burstable"


@pytest.mark.parametrize(
    ("bounds", "requests", "most", "message"),
    [
        pytest.param(
            {"min": quantities(cpu="1")}, {}, {}, "minimum cpu usage per Container is 1.  No request is specified",
            id="no request",
        ),
        pytest.param(
            {"min": quantities(cpu="1")}, quantities(cpu="500m"), {},
            "minimum cpu usage per Container is 1, but request is 500m", id="low request",
        ),
        pytest.param(
            {"max": quantities(memory="1Gi")}, {}, {},
            "maximum memory usage per Container is 1Gi.  No limit is specified", id="no limit",
        ),
        pytest.param(
            {"max": quantities(memory="1Gi")}, {}, quantities(memory="2Gi"),
            "maximum memory usage per Container is 1Gi, but limit is 2Gi", id="high limit",
        ),
        pytest.param(
            {"max_limit_request_ratio": quantities(cpu="2")}, quantities(cpu="1"), quantities(cpu="3"),
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000", id="high ratio",
        ),
        pytest.param(
            {"max_limit_request_ratio": quantities(cpu="2")}, {}, {},
            "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
            id="no ratio",
        ),
    ],
)  # fmt: skip
def test_containers_out_of_bounds(bounds, requests, most, message):
    """Of the ranges as they are: by default a maximum is a default limit, and a minimum a default request."""
    stored = LimitRange(spec=LimitRangeSpec(limits=(LimitRangeItem(type="Container", **bounds),)))
    assert list(pod_faults(pod(requests=requests, limits=most), stored)) == [message]


async def test_a_container_out_of_bounds_is_refused(api):
    await limits(api, LimitRangeItem(type="Container", min=quantities(cpu="1"), max=quantities(memory="1Gi")))
    error = await refused(api.create(pod(requests=quantities(cpu="1m"), limits=quantities(memory="2Gi"))))
    assert error.message == (
        'pods "p" is forbidden: [minimum cpu usage per Container is 1, but request is 1m, '
        "maximum memory usage per Container is 1Gi, but limit is 2Gi]"
    )


async def test_pods_out_of_bounds(api):
    await limits(api, LimitRangeItem(type="Pod", max=quantities(cpu="1")))
    error = await refused(api.create(pod(requests=quantities(cpu="2"), limits=quantities(cpu="2"))))
    assert error.message == 'pods "p" is forbidden: maximum cpu usage per Pod is 1, but limit is 2'


def claim(name="c", storage="1Gi", **spec):
    wanted = VolumeResourceRequirements(requests=quantities(storage=storage))
    return PersistentVolumeClaim(
        metadata=meta(name),
        spec=PersistentVolumeClaimSpec(access_modes=("ReadWriteOnce",), resources=wanted, **spec),
    )


async def test_claims_out_of_bounds(api):
    bounds = LimitRangeItem(
        type="PersistentVolumeClaim", min=quantities(storage="1Gi"), max=quantities(storage="2Gi")
    )
    await limits(api, bounds)
    await api.create(claim())
    error = await refused(api.create(claim("d", "5Gi")))
    assert error.message.endswith(
        "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi"
    )
    error = await refused(api.create(claim("d", "1Mi")))
    assert error.message.endswith(
        "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"
    )


# ResourceQuota


async def quota(api, hard, used=None, name="q", **spec):
    made = await api.create(ResourceQuota(metadata=meta(name), spec=ResourceQuotaSpec(hard=hard, **spec)))
    status = ResourceQuotaStatus(
        hard=hard, used={key: Quantity("0") for key in hard} if used is None else used
    )
    return await api.update(replace(made, status=status), subresource="status")


async def used(api, name="q"):
    return dict((await api.get(ResourceQuota, name)).status.used)


async def test_pods_are_charged_and_the_last_one_is_refused(api):
    hard = {"pods": Quantity("2"), "requests.cpu": Quantity("1"), "limits.memory": Quantity("2Gi")}
    await quota(api, hard)
    size = {"requests": quantities(cpu="400m"), "limits": quantities(memory="1Gi")}
    await api.create(pod("a", **size))
    assert await used(api) == {"pods": "1", "requests.cpu": "400m", "limits.memory": "1Gi"}
    big = {"requests": quantities(cpu="700m"), "limits": quantities(memory="1Gi")}
    error = await refused(api.create(pod("b", **big)))
    assert error.message == (
        'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=700m, '
        "used: requests.cpu=400m, limited: requests.cpu=1"
    )
    await api.create(pod("b", **size))
    error = await refused(api.create(pod("c", **size)))
    assert "requested: limits.memory=1Gi,pods=1,requests.cpu=400m" in error.message


async def test_concurrent_requests_do_not_share_the_last_of_a_quota(api):
    await quota(api, {"pods": Quantity("3")})
    answers = await asyncio.gather(*(api.create(pod(f"p{i}")) for i in range(10)), return_exceptions=True)
    assert sum(isinstance(each, Pod) for each in answers) == 3
    assert await used(api) == {"pods": "3"}


async def test_what_one_quota_has_counted_is_given_back_when_another_refuses(api):
    """Whichever is asked first; else a controller that tries again and again would use the others up."""
    size = {"requests": quantities(cpu="400m", memory="1Gi")}
    wide = {"pods": Quantity("9"), "requests.cpu": Quantity("4"), "requests.memory": Quantity("9Gi")}
    await quota(api, wide, name="a")
    await quota(api, {"pods": Quantity("0")}, name="m")
    await quota(api, wide, name="z")
    error = await refused(api.create(pod("p", **size)))
    assert "exceeded quota: m" in error.message
    none = {"pods": "0", "requests.cpu": "0", "requests.memory": "0"}
    assert (await used(api, "a"), await used(api, "z")) == (none, none)


async def test_what_a_quota_counts_must_be_said(api):
    await quota(api, {"limits.cpu": Quantity("1"), "requests.memory": Quantity("1Gi")})
    error = await refused(api.create(pod()))
    assert error.message == (
        'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: c; requests.memory for: c'
    )


async def test_a_quota_that_is_not_counted_yet_refuses(api):
    await quota(api, {"pods": Quantity("1"), "services": Quantity("1")}, used={"services": Quantity("0")})
    error = await refused(api.create(pod()))
    assert error.message.endswith("status unknown for quota: q, resources: pods")


@pytest.mark.parametrize(
    ("scope", "charged"),
    [("BestEffort", True), ("NotBestEffort", False), ("Terminating", False), ("NotTerminating", True)],
)
async def test_scopes(api, scope, charged):
    await quota(api, {"pods": Quantity("5")}, scopes=(scope,))
    await api.create(pod())
    assert await used(api) == {"pods": "1" if charged else "0"}


async def test_other_objects_are_counted(api):
    hard = {
        name: Quantity("1")
        for name in ("configmaps", "count/configmaps", "services.nodeports", "persistentvolumeclaims")
    }
    await quota(api, {**hard, "requests.storage": Quantity("10Gi")})
    await api.create(ConfigMap(metadata=meta("a")))
    error = await refused(api.create(ConfigMap(metadata=meta("b"))))
    assert "exceeded quota: q, requested: configmaps=1,count/configmaps=1" in error.message
    await api.create(claim(storage="3Gi"))
    assert (await used(api))["requests.storage"] == "3Gi"
    port = (ServicePort(port=80),)
    made = await api.create(Service(metadata=meta("s"), spec=ServiceSpec(ports=port)))
    await api.update(replace(made, spec=replace(made.spec, type="NodePort")))
    assert (await used(api))["services.nodeports"] == "1"
    second = Service(metadata=meta("t"), spec=ServiceSpec(ports=port, type="NodePort"))
    assert "exceeded quota" in (await refused(api.create(second))).message


async def test_a_dry_run_charges_nothing(api):
    await quota(api, {"pods": Quantity("1")})
    await api.create(pod(), dry_run=True)
    assert await used(api) == {"pods": "0"}


# defaults by class


async def test_claims_get_the_newest_default_storage_class(api, clock):
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    for name in ("old", "new"):
        await api.create(StorageClass(metadata=ObjectMeta(name=name, annotations=default), provisioner="p"))
        clock.advance(5)
    assert (await api.create(claim())).spec.storage_class_name == "new"
    assert (await api.create(claim("d", storage_class_name=""))).spec.storage_class_name == ""


async def test_ingresses_get_the_default_class(api):
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    backend = IngressBackend(service=IngressServiceBackend(name="s", port=ServiceBackendPort(number=80)))
    spec = IngressSpec(default_backend=backend)
    made = await api.create(Ingress(metadata=meta("before"), spec=spec))
    assert made.spec.ingress_class_name is None
    metadata = ObjectMeta(name="nginx", annotations=default)
    await api.create(IngressClass(metadata=metadata, spec=IngressClassSpec(controller="nginx.org/ingress")))
    made = await api.create(Ingress(metadata=meta("after"), spec=spec))
    assert made.spec.ingress_class_name == "nginx"


async def test_plug_ins_are_switched_by_name(api):
    made = await api.create(claim())
    assert made.metadata.finalizers == ()
    stores = api.served.stores
    more = default_chain(
        stores,
        clock=api.clock,
        chance=Chance(1),
        enable=["StorageObjectInUseProtection"],
        disable=["Priority"],
    )
    claims = [each.name for each in more.mutators("CREATE", "", "persistentvolumeclaims")]
    assert "StorageObjectInUseProtection" in claims
    assert "Priority" not in [each.name for each in more.mutators("CREATE", "", "pods")]
    with pytest.raises(ValueError, match='admission-control plugin "Nonsense" is unknown'):
        default_chain(stores, clock=api.clock, chance=Chance(1), enable=["Nonsense"])


async def test_the_order_is_upstream_s(api):
    chain = default_chain(api.served.stores, clock=api.clock, chance=Chance(1))
    assert [each.name for each in chain.mutators("CREATE", "", "pods")] == [
        "NamespaceLifecycle",
        "LimitRanger",
        "ServiceAccount",
        "Priority",
        "DefaultTolerationSeconds",
        "RuntimeClass",
        "PodTopologyLabels",
    ]
