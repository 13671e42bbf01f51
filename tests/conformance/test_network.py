"""Upstream's conformance tests of test/e2e/network that speak to the API alone."""

from itertools import islice
from typing import Any

from tests.conformance.rest import Rest

DISCOVERY = "/apis/discovery.k8s.io/v1"
NETWORKING = "/apis/networking.k8s.io/v1"


class TestServices:
    """[sig-network] Services"""

    def test_should_provide_secure_master_service(self, rest: Rest) -> None:
        service = rest.get("/api/v1/namespaces/default/services/kubernetes")
        [port] = service["spec"]["ports"]
        assert (port["name"], port["port"], port["protocol"]) == ("https", 443, "TCP")

    def test_should_find_a_service_from_listing_all_namespaces(self, rest: Rest) -> None:
        found = rest.get("/api/v1/services")["items"]
        assert "kubernetes" in [one["metadata"]["name"] for one in found]

    def test_should_complete_a_service_status_lifecycle(self, rest: Rest, core: str) -> None:
        url = f"{core}/services"
        start = rest.get(url)["metadata"]["resourceVersion"]
        spec = {"type": "LoadBalancer", "ports": [{"name": "http", "port": 80, "targetPort": 80}]}
        rest.create(url, {"metadata": {"name": "s", "labels": {"static": "true"}}, "spec": spec})
        assert rest.get(f"{url}/s/status")["status"] == {"loadBalancer": {}}
        patch = {
            "metadata": {"annotations": {"patchedstatus": "true"}},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}},
        }
        patched = rest.merge(f"{url}/s/status", patch)
        assert patched["metadata"]["annotations"] == {"patchedstatus": "true"}
        [ingress] = patched["status"]["loadBalancer"]["ingress"]
        assert (ingress["ip"], ingress["ipMode"]) == ("203.0.113.1", "VIP")
        held = rest.get(f"{url}/s")
        condition = {"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set"}
        held["status"]["conditions"] = [{**condition, "lastTransitionTime": "2026-01-02T03:04:05Z"}]
        assert rest.put(f"{url}/s/status", held)["status"]["conditions"][0]["type"] == "StatusUpdate"
        rest.strategic(f"{url}/s", {"metadata": {"labels": {"patched": "true"}}})
        rest.delete(f"{url}/s")
        rest.gone(f"{url}/s")
        seen = islice(rest.watch(url, resourceVersion=start, labelSelector="static=true"), 5)
        assert [kind for kind, _ in seen] == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]

    def test_should_delete_a_collection_of_services(self, rest: Rest, core: str) -> None:
        url = f"{core}/services"
        for name in ("a", "b", "c"):
            body = {"metadata": {"name": name, "labels": {"set": "1"}}, "spec": {"ports": [{"port": 80}]}}
            rest.create(url, body)
        rest.delete(url, labelSelector="set=1")
        assert rest.get(url)["items"] == []

    def test_should_be_able_to_change_the_type(self, rest: Rest, core: str) -> None:
        """from ExternalName to ClusterIP and NodePort, and back"""
        item = f"{core}/services/s"
        rest.create(
            f"{core}/services",
            {"metadata": {"name": "s"}, "spec": {"type": "ExternalName", "externalName": "foo.example.com"}},
        )
        spec: dict[str, Any] = {
            "type": "ClusterIP",
            "externalName": None,
            "ports": [{"port": 80, "protocol": "TCP"}],
        }
        held = rest.merge(item, {"spec": spec})
        assert held["spec"]["clusterIP"].startswith("10.")
        held = rest.merge(item, {"spec": {"type": "NodePort"}})
        port = held["spec"]["ports"][0]["nodePort"]
        assert 30000 <= port <= 32767
        back = {
            "type": "ExternalName",
            "externalName": "foo.example.com",
            "clusterIP": "",
            "clusterIPs": None,
        }
        held = rest.merge(item, {"spec": back})
        assert "clusterIP" not in held["spec"]
        assert "nodePort" not in held["spec"]["ports"][0]

    def test_should_test_the_lifecycle_of_an_endpoint(self, rest: Rest, core: str) -> None:
        url = f"{core}/endpoints"
        subsets = [
            {"addresses": [{"ip": "10.0.0.24"}], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
        ]
        rest.create(url, {"metadata": {"name": "e", "labels": {"static": "true"}}, "subsets": subsets})
        found = rest.get("/api/v1/endpoints", labelSelector="static=true")["items"]
        assert [one["subsets"] for one in found] == [subsets]
        held = rest.get(f"{url}/e")
        held["metadata"]["labels"]["updated"] = "true"
        rest.put(f"{url}/e", held)
        patch = {"subsets": [{"addresses": [{"ip": "10.0.0.25"}], "ports": [{"name": "t", "port": 8080}]}]}
        assert rest.strategic(f"{url}/e", patch)["subsets"][0]["addresses"] == [{"ip": "10.0.0.25"}]
        rest.delete(url, labelSelector="static=true")
        rest.gone(f"{url}/e")


class TestEndpointSlice:
    """[sig-network] EndpointSlice"""

    def test_should_have_endpoints_and_endpointslices_pointing_to_api_server(self, rest: Rest) -> None:
        endpoints = rest.get("/api/v1/namespaces/default/endpoints/kubernetes")
        sliced = rest.get(f"{DISCOVERY}/namespaces/default/endpointslices/kubernetes")
        assert sliced["metadata"]["labels"]["kubernetes.io/service-name"] == "kubernetes"
        [subset] = endpoints["subsets"]
        assert [each["ip"] for each in subset["addresses"]] == sliced["endpoints"][0]["addresses"]
        assert subset["ports"][0]["port"] == sliced["ports"][0]["port"] == rest.port

    def test_should_create_and_delete_endpoints_and_endpointslices_for_a_service_with_a_selector(
        self, rest: Rest, namespace: str, core: str
    ) -> None:
        slices = f"{DISCOVERY}/namespaces/{namespace}/endpointslices"
        spec = {"selector": {"a": "b"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
        rest.create(f"{core}/services", {"metadata": {"name": "s"}, "spec": spec})
        rest.until(f"{core}/endpoints/s", bool)
        rest.until(slices, lambda got: len(got["items"]) == 1)
        pod = {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 8080}]}]}
        rest.create(f"{core}/pods", {"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": pod})
        held = rest.until(f"{core}/endpoints/s", lambda got: "addresses" in (got.get("subsets") or [{}])[0])
        address = held["subsets"][0]["addresses"][0]
        assert address["targetRef"]["name"] == "p"
        assert address["ip"] == rest.get(f"{core}/pods/p")["status"]["podIP"]
        found = rest.until(
            slices,
            lambda got: [each for each in got["items"][0]["endpoints"] or [] if each["conditions"]["ready"]],
        )
        assert found["items"][0]["endpoints"][0]["addresses"] == [address["ip"]]
        assert found["items"][0]["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == (
            "endpointslice-controller.k8s.io"
        )
        rest.delete(f"{core}/services/s")
        rest.gone(f"{core}/endpoints/s")
        rest.until(slices, lambda got: not got["items"])

    def test_should_create_endpoints_for_unready_pods_only_when_they_are_published(
        self, rest: Rest, core: str
    ) -> None:
        spec = {"selector": {"a": "b"}, "ports": [{"port": 80}]}
        rest.create(f"{core}/services", {"metadata": {"name": "ready"}, "spec": spec})
        rest.create(
            f"{core}/services",
            {"metadata": {"name": "all"}, "spec": {**spec, "publishNotReadyAddresses": True}},
        )
        gate = {
            "readinessGates": [{"conditionType": "example.com/gate"}],
            "containers": [{"name": "c", "image": "i"}],
        }
        rest.create(f"{core}/pods", {"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": gate})
        rest.until(f"{core}/endpoints/all", lambda got: "addresses" in (got.get("subsets") or [{}])[0])
        held = rest.until(f"{core}/endpoints/ready", lambda got: got.get("subsets"))
        assert "notReadyAddresses" in held["subsets"][0]
        assert "addresses" not in held["subsets"][0]


class TestIngress:
    """[sig-network] Ingress API, IngressClass API"""

    def test_should_support_creating_ingress_api_operations(self, rest: Rest, namespace: str) -> None:
        url = f"{NETWORKING}/namespaces/{namespace}/ingresses"
        backend = {"service": {"name": "s", "port": {"number": 80}}}
        spec = {
            "defaultBackend": backend,
            "rules": [
                {
                    "host": "a.example.com",
                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                }
            ],
        }
        rest.create(url, {"metadata": {"name": "i", "labels": {"i": "1"}}, "spec": spec})
        rest.merge(f"{url}/i", {"metadata": {"annotations": {"patched": "true"}}})
        ingress = {"loadBalancer": {"ingress": [{"ip": "169.1.1.1"}]}}
        assert rest.merge(f"{url}/i/status", {"status": ingress})["status"] == ingress
        held = rest.get(f"{url}/i/status")
        held["status"] = {"loadBalancer": {"ingress": [{"ip": "169.1.1.2"}]}}
        assert rest.put(f"{url}/i/status", held)["status"] == held["status"]
        assert len(rest.get(f"{NETWORKING}/ingresses", labelSelector="i=1")["items"]) == 1
        rest.delete(url, labelSelector="i=1")
        assert rest.get(url)["items"] == []
