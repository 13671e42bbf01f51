"""Endpoints made of pods, and which services a pod's change concerns."""

import pytest
from msgspec.structs import replace
from services import pod, service, terminating

from kube.api.types.core_v1 import Node, ServicePort
from kube.api.types.discovery_v1 import EndpointConditions, EndpointHints, EndpointPort, ForNode, ForZone
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client.store import Indexer
from kube.controllers.endpointslice.endpoint import address_types, addresses_of, endpoint_of, endpoint_ports
from kube.controllers.endpointslice.membership import (
    TriggerTimes,
    affected,
    endpoint_changed,
    pod_watch,
    pods_of,
    rest_after,
    service_watch,
    should_pod_be_in_endpoints,
)

NODE = Node(metadata=ObjectMeta(name="node", labels={"topology.kubernetes.io/zone": "z1"}))


@pytest.mark.parametrize(
    ("made_of", "publish", "conditions"),
    [
        pytest.param(pod("a"), False, (True, True, False), id="ready"),
        pytest.param(pod("a", ready=False), False, (False, False, False), id="not ready"),
        pytest.param(terminating(pod("a")), False, (False, True, True), id="serves until it ends"),
        pytest.param(terminating(pod("a", ready=False)), True, (True, False, True), id="published whatever"),
    ],
)
def test_conditions(made_of, publish, conditions):
    endpoint = endpoint_of(made_of, NODE, service(publish_not_ready_addresses=publish), ("10.244.0.1",))
    ready, serving, ends = conditions
    assert endpoint.conditions == EndpointConditions(ready=ready, serving=serving, terminating=ends)
    assert (endpoint.node_name, endpoint.zone) == ("node", "z1")
    assert (endpoint.target_ref.kind, endpoint.target_ref.name, endpoint.target_ref.uid) == (
        "Pod",
        "a",
        "uid-a",
    )


@pytest.mark.parametrize(
    ("spec", "hostname"),
    [
        ({"hostname": "db-0", "subdomain": "web"}, "db-0"),
        ({"hostname": "db-0", "subdomain": "x"}, None),
        ({}, None),
    ],
)
def test_hostname_below_the_services_own_subdomain(spec, hostname):
    assert endpoint_of(pod("a", **spec), NODE, service(), ("10.244.0.1",)).hostname == hostname


@pytest.mark.parametrize(
    ("distribution", "hints"),
    [
        (None, None),
        ("PreferClose", EndpointHints(for_zones=(ForZone(name="z1"),))),
        (
            "PreferSameNode",
            EndpointHints(for_zones=(ForZone(name="z1"),), for_nodes=(ForNode(name="node"),)),
        ),
    ],
)
def test_hints(distribution, hints):
    web = service(traffic_distribution=distribution)
    assert endpoint_of(pod("a"), NODE, web, ("10.244.0.1",)).hints == hints
    assert endpoint_of(pod("a", ready=False), NODE, web, ("10.244.0.1",)).hints is None


def test_named_ports_are_each_pods_own():
    assert endpoint_ports(service(), pod("a", port=9090)) == (
        EndpointPort(name="http", port=9090, protocol="TCP"),
    )
    unknown = ServicePort(name="metrics", port=1, target_port="metrics", protocol="TCP")
    number = ServicePort(port=53, target_port=5353, protocol="UDP")
    assert endpoint_ports(service(ports=(unknown, number)), pod("a")) == (
        EndpointPort(name="", port=5353, protocol="UDP"),
    )


def test_families():
    dual = pod("a", ip="10.244.0.1,fd00::1")
    assert addresses_of(dual, "IPv4") == ("10.244.0.1",)
    assert addresses_of(dual, "IPv6") == ("fd00::1",)
    assert address_types(service(ip_families=(), cluster_ip="fd00::9")) == ("IPv6",)
    assert address_types(service(ip_families=(), cluster_ip="None")) == ("IPv4", "IPv6")


@pytest.mark.parametrize(
    ("candidate", "included"),
    [
        (pod("a"), True),
        (pod("a", ip=""), False),
        (pod("a", phase="Succeeded"), False),
        (terminating(pod("a")), True),
    ],
    ids=["running", "no address", "ended", "terminating"],
)
def test_which_pods_are_endpoints(candidate, included):
    assert should_pod_be_in_endpoints(candidate, include_terminating=True) is included


@pytest.mark.parametrize(
    ("new", "changed"),
    [
        pytest.param(replace(pod("a"), spec=pod("a").spec), False, id="nothing"),
        pytest.param(pod("a", since="2026-01-01T00:00:00Z"), False, id="times"),
        pytest.param(pod("a", ready=False), True, id="readiness"),
        pytest.param(pod("a", ip="10.244.0.2"), True, id="address"),
        pytest.param(pod("a", phase="Failed"), True, id="its end"),
        pytest.param(terminating(pod("a")), True, id="deletion"),
    ],
)
def test_changes_of_concern(new, changed):
    assert endpoint_changed(pod("a"), new) is changed


def caches():
    services, pods = Indexer(), Indexer()
    for indexer, watch in ((services, service_watch(lambda _o, _n: ())), (pods, pod_watch(services))):
        for name, function in watch.indexes.items():
            indexer.add_index(name, function)
    return services, pods


def test_membership_both_ways():
    services, pods = caches()
    both = service("both", selector={"app": "web", "tier": "front"})
    for each in (service(), both, service("none", selector={}), service("other", selector={"app": "db"})):
        services.put(each)
    front, back = pod("front", labels={"app": "web", "tier": "front"}), pod("back")
    for each in (front, back, pod("db", labels={"app": "db"})):
        pods.put(each)
    assert list(affected(services, None, front)) == ["default/web", "default/both"]
    assert list(affected(services, back, None)) == ["default/web"]
    assert [each.metadata.name for each in pods_of(pods, both)] == ["front"]
    assert [each.metadata.name for each in pods_of(pods, service())] == ["front", "back"]
    assert pods_of(pods, service(selector={})) == ()


def test_changed_labels_concern_the_old_services_and_the_new():
    services, _ = caches()
    services.put(service())
    services.put(service("db", selector={"app": "db"}))
    assert list(affected(services, pod("a"), pod("a", labels={"app": "db"}))) == ["default/web", "default/db"]
    assert list(affected(services, pod("a"), pod("a"))) == []


def test_the_rest_grows_with_the_service():
    assert [rest_after(count) for count in (0, 100, 1000, 100_000)] == [0.05, 0.1, 0.55, 1.0]


def test_trigger_times():
    times = TriggerTimes()
    web = replace(service(), metadata=replace(service().metadata, creation_timestamp="2026-01-01T00:00:00Z"))
    first = [pod("a", since="2026-01-01T00:00:05Z")]
    assert times.compute("k", web, first) == "2026-01-01T00:00:00Z"
    assert times.compute("k", web, first) == ""
    later = [pod("a", since="2026-01-01T00:00:09Z"), pod("b", since="2026-01-01T00:00:07Z")]
    assert times.compute("k", web, later) == "2026-01-01T00:00:07Z"
    times.forget("k")
    assert times.compute("k", web, later) == "2026-01-01T00:00:00Z"
