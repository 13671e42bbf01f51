"""Upstream's conformance tests of test/e2e/apimachinery that need no custom resources, webhooks or quota controller."""

import json
import threading
from itertools import islice
from typing import Any

from tests.conformance.rest import TABLE, Rest

SEEN = {"ADDED", "MODIFIED", "DELETED"}


def config_map(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


def told(events: Any) -> list[tuple[str, str]]:
    return [(kind, obj["metadata"]["name"]) for kind, obj in events]


class TestWatchers:
    """[sig-api-machinery] Watchers"""

    def test_should_observe_add_update_and_delete_watch_notifications_on_configmaps(
        self, rest: Rest, core: str
    ) -> None:
        url = f"{core}/configmaps"
        start = rest.get(url)["metadata"]["resourceVersion"]
        rest.create(url, config_map("a", watch="a"))
        rest.merge(f"{url}/a", {"data": {"mutation": "1"}})
        rest.merge(f"{url}/a", {"data": {"mutation": "2"}})
        rest.delete(f"{url}/a")
        rest.create(url, config_map("b", watch="b"))
        rest.delete(f"{url}/b")
        for_a = islice(rest.watch(url, resourceVersion=start, labelSelector="watch=a"), 4)
        assert told(for_a) == [("ADDED", "a"), ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        for_both = islice(rest.watch(url, resourceVersion=start, labelSelector="watch in (a,b)"), 6)
        assert [name for _, name in told(for_both)] == ["a"] * 4 + ["b"] * 2

    def test_should_be_able_to_start_watching_from_a_specific_resource_version(
        self, rest: Rest, core: str
    ) -> None:
        url = f"{core}/configmaps"
        rest.create(url, config_map("a", origin="x"))
        first = rest.merge(f"{url}/a", {"data": {"mutation": "1"}})
        rest.merge(f"{url}/a", {"data": {"mutation": "2"}})
        rest.delete(f"{url}/a")
        version = first["metadata"]["resourceVersion"]
        kinds = [
            kind for kind, _ in islice(rest.watch(url, resourceVersion=version, labelSelector="origin=x"), 2)
        ]
        assert kinds == ["MODIFIED", "DELETED"]

    def test_should_be_able_to_restart_watching_from_the_last_resource_version(
        self, rest: Rest, core: str
    ) -> None:
        url = f"{core}/configmaps"
        start = rest.get(url)["metadata"]["resourceVersion"]
        rest.create(url, config_map("a", r="x"))
        rest.merge(f"{url}/a", {"data": {"mutation": "1"}})
        seen = list(islice(rest.watch(url, resourceVersion=start, labelSelector="r=x"), 2))
        rest.merge(f"{url}/a", {"data": {"mutation": "2"}})
        rest.delete(f"{url}/a")
        last = seen[-1][1]["metadata"]["resourceVersion"]
        rest_of = list(islice(rest.watch(url, resourceVersion=last, labelSelector="r=x"), 2))
        assert [kind for kind, _ in rest_of] == ["MODIFIED", "DELETED"]
        assert rest_of[0][1]["data"] == {"mutation": "2"}

    def test_should_observe_an_object_deletion_if_it_stops_meeting_the_selector(
        self, rest: Rest, core: str
    ) -> None:
        url = f"{core}/configmaps"
        start = rest.get(url)["metadata"]["resourceVersion"]
        rest.create(url, config_map("a", w="yes"))
        rest.merge(f"{url}/a", {"data": {"mutation": "1"}})
        rest.merge(f"{url}/a", {"metadata": {"labels": {"w": "no"}}})
        rest.merge(f"{url}/a", {"data": {"mutation": "2"}})
        rest.merge(f"{url}/a", {"metadata": {"labels": {"w": "yes"}}})
        rest.delete(f"{url}/a")
        seen = list(islice(rest.watch(url, resourceVersion=start, labelSelector="w=yes"), 5))
        assert [kind for kind, _ in seen] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
        assert seen[2][1]["metadata"]["labels"] == {"w": "yes"}, (
            "a deletion shows the last state that matched"
        )

    def test_should_receive_events_on_concurrent_watches_in_same_order(self, rest: Rest, core: str) -> None:
        url = f"{core}/configmaps"
        start = rest.get(url)["metadata"]["resourceVersion"]
        orders: list[list[str]] = [[] for _ in range(5)]

        def follow(order: list[str]) -> None:
            for _, obj in islice(rest.watch(url, resourceVersion=start), 30):
                order.append(obj["metadata"]["resourceVersion"])

        threads = [threading.Thread(target=follow, args=(order,)) for order in orders]
        for thread in threads:
            thread.start()
        for number in range(10):
            rest.create(url, config_map(f"c{number}"))
            rest.merge(f"{url}/c{number}", {"data": {"a": "1"}})
            rest.delete(f"{url}/c{number}")
        for thread in threads:
            thread.join(30)
        assert len(orders[0]) == 30
        assert all(order == orders[0] for order in orders)


class TestTablesAndChunks:
    def test_should_return_a_406_for_a_backend_which_does_not_implement_metadata(self, rest: Rest) -> None:
        """[sig-api-machinery] Servers with support for Table transformation"""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}},
        }
        url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        rest.refused(406, "NotAcceptable", "POST", url, review, accept=TABLE)
        assert rest.create(url, review, accept=f"{TABLE},application/json")["status"]["allowed"]

    def test_should_return_chunks_of_results_for_list_calls(self, rest: Rest, core: str) -> None:
        """[sig-api-machinery] Servers with support for API chunking"""
        url = f"{core}/podtemplates"
        for number in range(40):
            body = {
                "metadata": {"name": f"template-{number:04}"},
                "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
            }
            rest.create(url, body)
        names: list[str] = []
        page = rest.get(url, limit=17)
        version = page["metadata"]["resourceVersion"]
        while True:
            assert page["metadata"]["resourceVersion"] == version
            names += [item["metadata"]["name"] for item in page["items"]]
            if not (token := page["metadata"].get("continue")):
                break
            assert page["metadata"]["remainingItemCount"] == 40 - len(names)
            page = rest.get(url, limit=17, continue_=token)
        assert names == [f"template-{number:04}" for number in range(40)]
        assert len(rest.get(url, resourceVersion="0")["items"]) == 40


class TestDiscovery:
    """[sig-api-machinery] Discovery, AggregatedDiscovery, server version"""

    def test_should_validate_preferredversion_for_each_apigroup(self, rest: Rest) -> None:
        for group in rest.get("/apis")["groups"]:
            one = rest.get(f"/apis/{group['name']}")
            assert one["preferredVersion"] == group["preferredVersion"]
            assert group["preferredVersion"] in group["versions"]

    def test_should_locate_the_groupversion_and_a_resource_within_each_apigroup(self, rest: Rest) -> None:
        wanted = {
            "apps/v1": "deployments",
            "batch/v1": "jobs",
            "policy/v1": "poddisruptionbudgets",
            "coordination.k8s.io/v1": "leases",
            "networking.k8s.io/v1": "ingresses",
            "events.k8s.io/v1": "events",
        }
        versions = {
            version["groupVersion"] for group in rest.get("/apis")["groups"] for version in group["versions"]
        }
        for group_version, plural in wanted.items():
            assert group_version in versions
            found = rest.get(f"/apis/{group_version}")
            assert (found["kind"], found["groupVersion"]) == ("APIResourceList", group_version)
            assert plural in {resource["name"] for resource in found["resources"]}

    def test_should_support_raw_aggregated_discovery_endpoint_accept_headers(self, rest: Rest) -> None:
        for version in ("v2", "v2beta1"):
            accept = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
            for root in ("/apis", "/api"):
                reply = rest("GET", root, accept=accept)
                assert reply.status == 200
                assert reply.headers["Content-Type"] == accept
                assert reply.json["kind"] == "APIGroupDiscoveryList"
        legacy = rest("GET", "/apis")
        assert legacy.json["kind"] == "APIGroupList"

    def test_aggregated_discovery_is_not_sent_twice(self, rest: Rest) -> None:
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        tag = rest("GET", "/apis", accept=accept).headers["ETag"]
        again = rest("GET", "/apis", accept=accept, headers={"If-None-Match": tag})
        assert (again.status, again.body) == (304, b"")

    def test_should_find_the_server_version(self, rest: Rest) -> None:
        told = rest.get("/version")
        assert (told["major"], told["minor"]) == ("1", "37")

    def test_the_api_says_where_it_is_served(self, rest: Rest) -> None:
        [address] = rest.get("/api")["serverAddressByClientCIDRs"]
        assert address["serverAddress"] == f"127.0.0.1:{rest.port}"


class TestFieldValidation:
    """[sig-api-machinery] FieldValidation"""

    def test_should_detect_unknown_and_duplicate_fields_of_a_typed_object(
        self, rest: Rest, apps: str
    ) -> None:
        body = b"""{"metadata": {"name": "d"}, "spec": {"unknown": 1, "replicas": 1, "replicas": 2,
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]}}}}"""
        refused = rest.refused(
            400, "BadRequest", "POST", f"{apps}/deployments", body, fieldValidation="Strict"
        )
        assert 'unknown field "spec.unknown"' in refused["message"]
        assert 'duplicate field "spec.replicas"' in refused["message"]
        warned = rest("POST", f"{apps}/deployments", body, fieldValidation="Warn")
        assert warned.status == 201
        assert len(warned.headers.get_all("Warning")) == 2
        assert warned.json["spec"]["replicas"] == 2

    def test_should_detect_unknown_metadata_fields_of_a_typed_object(self, rest: Rest, core: str) -> None:
        body = {"metadata": {"name": "a", "unknownMeta": "x"}}
        refused = rest.refused(
            400, "BadRequest", "POST", f"{core}/configmaps", body, fieldValidation="Strict"
        )
        assert 'unknown field "metadata.unknownMeta"' in refused["message"]


class TestNamespaces:
    """[sig-api-machinery] Namespaces [Serial]"""

    def test_should_patch_a_namespace(self, rest: Rest, core: str) -> None:
        rest.strategic(core, {"metadata": {"labels": {"testLabel": "testValue"}}})
        assert rest.get(core)["metadata"]["labels"]["testLabel"] == "testValue"

    def test_should_apply_an_update_to_a_namespace(self, rest: Rest, core: str) -> None:
        held = rest.get(core)
        held["metadata"]["labels"]["updated"] = "yes"
        assert rest.put(core, held)["metadata"]["labels"]["updated"] == "yes"

    def test_should_apply_changes_to_a_namespace_status(self, rest: Rest, core: str) -> None:
        patched = rest.merge(
            f"{core}/status",
            {
                "metadata": {"annotations": {"e2e-patched-ns-status": core}},
                "status": {"conditions": [{"type": "StatusPatch", "status": "True", "reason": "E2E"}]},
            },
        )
        assert patched["metadata"]["annotations"]["e2e-patched-ns-status"] == core
        held = rest.get(f"{core}/status")
        held["status"]["conditions"].append({"type": "StatusUpdate", "status": "True", "reason": "E2E"})
        rest.put(f"{core}/status", held)
        types = [each["type"] for each in rest.get(core)["status"]["conditions"]]
        assert types == ["StatusPatch", "StatusUpdate"]

    def test_should_apply_a_finalizer_to_a_namespace(self, rest: Rest, namespace: str, core: str) -> None:
        held = rest.get(core)
        held["spec"]["finalizers"].append("e2e.example.com/fakeFinalizer")
        rest.put(f"{core}/finalize", held)
        held = rest.get(core)
        assert held["spec"]["finalizers"] == ["kubernetes", "e2e.example.com/fakeFinalizer"]
        rest.delete(core)
        left = rest.until(core, lambda got: got["spec"]["finalizers"] == ["e2e.example.com/fakeFinalizer"])
        assert left["status"]["phase"] == "Terminating"
        forbidden = rest.refused(403, "Forbidden", "POST", f"{core}/configmaps", config_map("late"))
        assert "because it is being terminated" in forbidden["message"]
        assert forbidden["details"]["causes"][0]["reason"] == "NamespaceTerminating"
        left["spec"]["finalizers"] = []
        rest.put(f"{core}/finalize", left)
        rest.gone(core)

    def test_should_ensure_that_all_services_and_pods_are_removed_when_a_namespace_is_deleted(
        self, rest: Rest, namespace: str, core: str
    ) -> None:
        rest.create(f"{core}/services", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
        pod = {"containers": [{"name": "c", "image": "pause"}], "terminationGracePeriodSeconds": 0}
        rest.create(f"{core}/pods", {"metadata": {"name": "p"}, "spec": pod})
        rest.until(f"{core}/pods/p", lambda got: got["status"]["phase"] == "Running")
        rest.delete(core)
        rest.gone(core)
        rest.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        assert rest.get(f"{core}/services")["items"] == []
        assert rest.get(f"{core}/pods")["items"] == []


class TestGarbageCollector:
    """[sig-api-machinery] Garbage collector"""

    @staticmethod
    def deployment(name: str, replicas: int = 2) -> dict[str, Any]:
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        return {
            "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
        }

    def test_should_delete_rs_created_by_deployment_when_not_orphaning(self, rest: Rest, apps: str) -> None:
        rest.create(f"{apps}/deployments", self.deployment("gc", 0))
        rest.until(f"{apps}/replicasets", lambda got: len(got["items"]) == 1)
        rest.delete(f"{apps}/deployments/gc", {"propagationPolicy": "Background"})
        rest.until(f"{apps}/replicasets", lambda got: not got["items"])

    def test_should_orphan_rs_created_by_deployment_when_orphan(self, rest: Rest, apps: str) -> None:
        rest.create(f"{apps}/deployments", self.deployment("gc", 0))
        rest.until(f"{apps}/replicasets", lambda got: len(got["items"]) == 1)
        rest.delete(f"{apps}/deployments/gc", {"propagationPolicy": "Orphan"})
        rest.gone(f"{apps}/deployments/gc")
        [left] = rest.get(f"{apps}/replicasets")["items"]
        assert "ownerReferences" not in left["metadata"]

    def test_should_keep_the_owner_until_all_its_dependents_are_deleted_if_foreground(
        self, rest: Rest, core: str, apps: str
    ) -> None:
        rest.create(f"{apps}/replicasets", self.deployment("rs", 3))
        rest.until(f"{core}/pods", lambda got: len(got["items"]) == 3)
        version = rest.get("/api/v1/pods")["metadata"]["resourceVersion"]
        answer = rest.delete(f"{apps}/replicasets/rs", {"propagationPolicy": "Foreground"})
        assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
        rest.gone(f"{apps}/replicasets/rs")
        assert rest.get(f"{core}/pods")["items"] == []
        assert int(version) > 0

    def test_should_not_be_blocked_by_dependency_circle(self, rest: Rest, core: str) -> None:
        url = f"{core}/configmaps"
        made = [rest.create(url, config_map(f"c{number}")) for number in range(3)]
        for number, one in enumerate(made):
            owner = made[number - 1]
            reference = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "blockOwnerDeletion": True,
            }
            rest.merge(f"{url}/{one['metadata']['name']}", {"metadata": {"ownerReferences": [reference]}})
        rest.delete(f"{url}/c0", {"propagationPolicy": "Foreground"})
        for number in range(3):
            rest.gone(f"{url}/c{number}")


class TestResourceQuota:
    """[sig-api-machinery] ResourceQuota"""

    def test_should_manage_the_lifecycle_of_a_resourcequota(self, rest: Rest, core: str) -> None:
        url = f"{core}/resourcequotas"
        rest.create(url, {"metadata": {"name": "q", "labels": {"q": "1"}}, "spec": {"hard": {"pods": "5"}}})
        assert rest.get(f"{url}/q")["spec"]["hard"] == {"pods": "5"}
        rest.merge(f"{url}/q", {"spec": {"hard": {"memory": "0.5Gi"}}})
        assert rest.get(f"{url}/q")["spec"]["hard"] == {"memory": "512Mi", "pods": "5"}
        rest.delete(url, labelSelector="q=1")
        rest.gone(f"{url}/q")

    def test_should_apply_changes_to_a_resourcequota_status(self, rest: Rest, core: str) -> None:
        url = f"{core}/resourcequotas/q"
        hard = {"cpu": "500m", "memory": "500Mi"}
        rest.create(f"{core}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": hard}})
        rest.merge(f"{url}/status", {"status": {"hard": hard, "used": {"cpu": "0"}}})
        held = rest.get(url)
        assert held["status"]["hard"] == hard
        held["status"]["hard"]["memory"] = "750Mi"
        rest.put(f"{url}/status", held)
        got = rest.get(url)
        assert (got["status"]["hard"]["memory"], got["spec"]["hard"]["memory"]) == ("750Mi", "500Mi")


def test_a_patch_that_tests_what_is_not_so_is_refused(rest: Rest, core: str) -> None:
    """JSON patch's test operation answers 422, as [sig-api-machinery] tests of status patches rely on."""
    rest.create(f"{core}/configmaps", config_map("a"))
    operations = [{"op": "test", "path": "/metadata/name", "value": "b"}]
    reply = rest("PATCH", f"{core}/configmaps/a", operations, content_type="application/json-patch+json")
    assert (reply.status, json.loads(reply.body)["reason"]) == (422, "Invalid")
