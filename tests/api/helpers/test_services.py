import pytest

from kube.api.helpers import services
from kube.api.types.core_v1 import Service, ServicePort, ServiceSpec


@pytest.mark.parametrize(
    ("spec", "headless", "external", "health", "node_ports"),
    [
        ({"type": "ClusterIP", "cluster_ip": "10.0.0.1"}, False, False, False, False),
        ({"type": "ClusterIP", "cluster_ip": "None", "cluster_ips": ("None",)}, True, False, False, False),
        ({"type": "ClusterIP", "external_ips": ("192.0.2.1",)}, False, True, False, False),
        ({"type": "NodePort", "external_traffic_policy": "Local"}, False, True, False, True),
        ({"type": "LoadBalancer", "external_traffic_policy": "Local"}, False, True, True, True),
        (
            {"type": "LoadBalancer", "allocate_load_balancer_node_ports": False},
            False,
            True,
            False,
            False,
        ),
        ({"type": "ExternalName"}, False, False, False, False),
    ],
)
def test_what_a_service_is(spec, headless, external, health, node_ports):
    service = Service(spec=ServiceSpec(**spec))
    assert services.is_headless(service) is headless
    assert services.is_externally_accessible(service) is external
    assert services.needs_health_check(service) is health
    assert services.needs_node_ports(service) is node_ports
    assert services.is_cluster_ip_set(service) is (spec.get("cluster_ip") == "10.0.0.1")


def test_ports_by_name():
    port = ServicePort(name="http", port=80)
    service = Service(spec=ServiceSpec(ports=(port,)))
    assert services.port_named(service, "http") is port
    assert services.port_named(service, "https") is None
