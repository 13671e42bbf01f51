"""Endpoints follow services and pods, up to a thousand addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from running import gone, start
from services import HTTP, pod, service, terminating

from kube.api.types.core_v1 import (
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    Pod,
    Service,
    ServicePort,
    ServiceSpec,
)
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.endpoints import (
    CONTROLLER,
    HEADLESS,
    MANAGED_BY,
    MAX_CAPACITY,
    OVER_CAPACITY,
    TRIGGER_TIME,
    EndpointController,
    subsets_of,
    truncated,
    wanted_endpoints,
)

METRICS = ServicePort(name="metrics", port=9, target_port=9, protocol="TCP")


def shown(subsets):
    return [
        (
            [a.target_ref.name for a in subset.addresses],
            [a.target_ref.name for a in subset.not_ready_addresses],
            [(port.name, port.port) for port in subset.ports],
        )
        for subset in subsets
    ]


@pytest.mark.parametrize(
    ("web", "pods", "expected"),
    [
        pytest.param(service(), [], [], id="no pods"),
        pytest.param(
            service(),
            [pod("b", "10.0.0.2"), pod("a", "10.0.0.1"), pod("c", "10.0.0.3", ready=False)],
            [(["a", "b"], ["c"], [("http", 8080)])],
            id="ready and not",
        ),
        pytest.param(
            service(ports=(HTTP, METRICS)),
            [pod("a", "10.0.0.1"), pod("b", "10.0.0.2", port=9090)],
            [
                (["a"], [], [("http", 8080)]),
                (["b"], [], [("http", 9090)]),
                (["a", "b"], [], [("metrics", 9)]),
            ],
            id="a name that means two ports",
        ),
        pytest.param(service(), [terminating(pod("a"))], [], id="terminating"),
        pytest.param(
            service(publish_not_ready_addresses=True),
            [terminating(pod("a", ready=False))],
            [(["a"], [], [("http", 8080)])],
            id="published whatever",
        ),
        pytest.param(
            service(ports=(), cluster_ip="None"), [pod("a")], [(["a"], [], [])], id="headless without ports"
        ),
        pytest.param(service(ports=()), [pod("a")], [], id="no ports"),
        pytest.param(service(ip_families=("IPv6",)), [pod("a")], [], id="another family"),
    ],
)
def test_subsets(web, pods, expected):
    assert shown(subsets_of(web, pods)) == expected
    assert subsets_of(web, reversed(pods)) == subsets_of(web, pods)


def subset(ready, not_ready, port=80):
    def addresses(count):
        return tuple(EndpointAddress(ip=f"10.0.0.{n}") for n in range(count))

    return EndpointSubset(
        addresses=addresses(ready), not_ready_addresses=addresses(not_ready), ports=(EndpointPort(port=port),)
    )


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=4), st.integers(1, 20)
)
def test_truncation_prefers_what_is_ready(sizes, most):
    subsets = tuple(subset(*size) for size in sizes)
    kept, over = truncated(subsets, most)
    ready = sum(size[0] for size in sizes)
    total = ready + sum(size[1] for size in sizes)
    kept_ready = sum(len(each.addresses) for each in kept)
    assert over is (total > most)
    assert kept_ready + sum(len(each.not_ready_addresses) for each in kept) == min(total, most)
    assert kept_ready == min(ready, most)


def test_over_capacity_is_said_and_taken_back():
    pods = [pod(f"p{n}", f"10.0.{n // 250}.{n % 250}") for n in range(MAX_CAPACITY + 1)]
    held = wanted_endpoints(service(), pods, None, "2026-01-01T00:00:00Z")
    assert held.metadata.annotations == {OVER_CAPACITY: "truncated", TRIGGER_TIME: "2026-01-01T00:00:00Z"}
    assert wanted_endpoints(service(), pods, held, "") is None
    fewer = wanted_endpoints(service(), pods[:5], held, "")
    assert fewer.metadata.annotations == {}


def test_labels():
    assert wanted_endpoints(service(cluster_ip="None"), [], None, "").metadata.labels == {
        "tier": "front",
        MANAGED_BY: CONTROLLER,
        HEADLESS: "",
    }
    held = wanted_endpoints(service(), [], None, "")
    assert held.metadata.labels == {"tier": "front", MANAGED_BY: CONTROLLER}
    foreign = replace(held, metadata=replace(held.metadata, labels={}))
    assert wanted_endpoints(service(), [], foreign, "").metadata.labels == held.metadata.labels


async def test_endpoints_follow_the_service_and_its_pods(cluster):
    writes = await start(cluster, endpoint=EndpointController)
    client = cluster.client
    spec = ServiceSpec(ports=(replace(HTTP, target_port=8080),), selector={"app": "web"})
    await client.create(Service(metadata=ObjectMeta(name="web", namespace="default"), spec=spec))
    await client.create(
        Service(metadata=ObjectMeta(name="own", namespace="default"), spec=replace(spec, selector={}))
    )
    wanted = pod("a", "10.244.0.1", ready=False)
    created = await client.create(replace(wanted, metadata=replace(wanted.metadata, uid="")))
    await client.update_status(replace(created, status=wanted.status))

    def become(expected):
        async def check():
            found = (await client.list(Endpoints, namespace="default")).items
            return [(each.metadata.name, shown(each.subsets)) for each in found] == expected

        return cluster.until(check, str(expected))

    await become([("web", [([], ["a"], [("http", 8080)])])])
    await cluster.ready(await client.get(Pod, "a", namespace="default"))
    await become([("web", [(["a"], [], [("http", 8080)])])])
    held = await client.get(Endpoints, "web", namespace="default")
    await client.update(replace(held, subsets=()))
    await become([("web", [(["a"], [], [("http", 8080)])])])
    await client.delete(Service, "web", namespace="default")
    await cluster.until(gone(cluster, Endpoints, "web"))
    assert len(writes.of("endpoints")) < 10


async def test_what_a_service_has_left_behind_goes(cluster):
    """Only what is ours: somebody may have Endpoints without a service."""
    labels = {MANAGED_BY: CONTROLLER}
    await cluster.client.create(
        Endpoints(metadata=ObjectMeta(name="left", namespace="default", labels=labels))
    )
    await cluster.client.create(Endpoints(metadata=ObjectMeta(name="theirs", namespace="default")))
    await start(cluster, endpoint=EndpointController)
    await cluster.until(gone(cluster, Endpoints, "left"))
    assert [each.metadata.name for each in (await cluster.client.list(Endpoints)).items] == ["theirs"]
