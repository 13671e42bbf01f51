"""Upstream's conformance tests of test/e2e/common, test/e2e/instrumentation and test/e2e/scheduling: kinds of the core."""

from itertools import islice
from typing import Any

import pytest

from tests.conformance.rest import Rest

CONTAINER = {"name": "c", "image": "pause"}
PRECISELY = "2026-01-02T03:04:05.000006Z"


class TestConfigMapsAndSecrets:
    def test_should_run_through_a_configmap_lifecycle(self, rest: Rest, core: str) -> None:
        """[sig-node] ConfigMap"""
        url = f"{core}/configmaps"
        start = rest.get(url)["metadata"]["resourceVersion"]
        body = {"metadata": {"name": "a", "labels": {"static": "true"}}, "data": {"valueName": "value"}}
        rest.create(url, body)
        patch = {"metadata": {"labels": {"patched": "true"}}, "data": {"valueName": "value1"}}
        rest.strategic(f"{url}/a", patch)
        got = rest.get(f"{url}/a")
        assert (got["data"], got["metadata"]["labels"]["patched"]) == ({"valueName": "value1"}, "true")
        everywhere = rest.get("/api/v1/configmaps", labelSelector="static=true,patched=true")
        assert [item["metadata"]["name"] for item in everywhere["items"]] == ["a"]
        rest.delete(url, labelSelector="static=true")
        rest.gone(f"{url}/a")
        seen = islice(rest.watch(url, resourceVersion=start, labelSelector="static=true"), 3)
        assert [kind for kind, _ in seen] == ["ADDED", "MODIFIED", "DELETED"]

    @pytest.mark.parametrize("plural", ["configmaps", "secrets"])
    def test_should_fail_to_create_with_an_empty_key(self, rest: Rest, core: str, plural: str) -> None:
        """[sig-node] ConfigMap, Secrets"""
        body = {"metadata": {"name": "a"}, "data": {"": "dmFsdWU="}}
        refused = rest.refused(422, "Invalid", "POST", f"{core}/{plural}", body)
        assert refused["details"]["causes"][0]["field"] == "data[]"

    @pytest.mark.parametrize("plural", ["configmaps", "secrets"])
    def test_should_be_immutable_if_immutable_field_is_set(self, rest: Rest, core: str, plural: str) -> None:
        """[sig-storage] ConfigMap, Secrets"""
        item = f"{core}/{plural}/a"
        rest.create(f"{core}/{plural}", {"metadata": {"name": "a"}, "data": {"a": "MQ=="}})
        assert rest.merge(item, {"data": {"a": "Mg=="}})["data"] == {"a": "Mg=="}
        held = rest.merge(item, {"immutable": True})
        for change in ({"data": {"a": "Mw=="}}, {"immutable": False}, {"immutable": None}):
            refused = rest.refused(422, "Invalid", "PUT", item, {**held, **change})
            assert "field is immutable when `immutable` is set" in refused["message"]
        assert rest.merge(item, {"metadata": {"labels": {"a": "b"}}})["metadata"]["labels"] == {"a": "b"}
        rest.delete(item)
        rest.gone(item)

    def test_should_patch_a_secret(self, rest: Rest, core: str) -> None:
        """[sig-node] Secrets"""
        body = {
            "metadata": {"name": "s", "labels": {"l": "1"}},
            "type": "Opaque",
            "data": {"key": "dmFsdWU="},
        }
        rest.create(f"{core}/secrets", body)
        rest.strategic(f"{core}/secrets/s", {"metadata": {"labels": {"l": "2"}}, "data": {"key": "dmFsdWUx"}})
        [one] = rest.get("/api/v1/secrets", labelSelector="l=2")["items"]
        assert one["data"] == {"key": "dmFsdWUx"}
        rest.delete(f"{core}/secrets", labelSelector="l=2")
        rest.gone(f"{core}/secrets/s")


class TestServiceAccounts:
    """[sig-auth] ServiceAccounts"""

    def test_should_run_through_the_lifecycle_of_a_serviceaccount(self, rest: Rest, core: str) -> None:
        url = f"{core}/serviceaccounts"
        start = rest.get(url)["metadata"]["resourceVersion"]
        rest.create(url, {"metadata": {"name": "a", "labels": {"test": "static"}}})
        patched = rest.strategic(f"{url}/a", {"automountServiceAccountToken": False})
        assert patched["automountServiceAccountToken"] is False
        rest.delete(url, labelSelector="test=static")
        seen = islice(rest.watch(url, resourceVersion=start, labelSelector="test=static"), 3)
        assert [kind for kind, _ in seen] == ["ADDED", "MODIFIED", "DELETED"]

    def test_should_guarantee_kube_root_ca_crt_exist_in_any_namespace(self, rest: Rest, core: str) -> None:
        item = f"{core}/configmaps/kube-root-ca.crt"
        held = rest.until(item, lambda got: "ca.crt" in got["data"])
        rest.delete(item)
        rest.until(item, lambda got: got["metadata"]["uid"] != held["metadata"]["uid"])
        rest.merge(item, {"data": {"ca.crt": ""}})
        assert rest.until(item, lambda got: got["data"]["ca.crt"])["data"] == held["data"]

    def test_the_default_account_comes_back(self, rest: Rest, core: str) -> None:
        item = f"{core}/serviceaccounts/default"
        held = rest.get(item)
        rest.delete(item)
        rest.until(item, lambda got: got["metadata"]["uid"] != held["metadata"]["uid"])


TEMPLATE = {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}}


class TestPodTemplates:
    """[sig-node] PodTemplates"""

    def test_should_run_the_lifecycle_of_podtemplates(self, rest: Rest, core: str) -> None:
        url = f"{core}/podtemplates"
        rest.create(url, {"metadata": {"name": "t", "labels": {"pt": "static"}}, **TEMPLATE})
        rest.strategic(f"{url}/t", {"metadata": {"labels": {"podtemplate": "patched"}}})
        assert rest.get(f"{url}/t")["metadata"]["labels"]["podtemplate"] == "patched"
        held = rest.get(f"{url}/t")
        held["metadata"]["annotations"] = {"updated": "true"}
        assert rest.put(f"{url}/t", held)["metadata"]["annotations"] == {"updated": "true"}
        rest.delete(f"{url}/t")
        assert rest.get("/api/v1/podtemplates", labelSelector="pt=static")["items"] == []

    def test_should_delete_a_collection_of_pod_templates(self, rest: Rest, core: str) -> None:
        url = f"{core}/podtemplates"
        for name in ("a", "b", "c"):
            rest.create(url, {"metadata": {"name": name, "labels": {"set": "true"}}, **TEMPLATE})
        assert len(rest.get(url, labelSelector="set=true")["items"]) == 3
        rest.delete(url, labelSelector="set=true")
        assert rest.get(url, labelSelector="set=true")["items"] == []


class TestEvents:
    """[sig-instrumentation] Events, Events API"""

    def test_should_manage_the_lifecycle_of_an_event(self, rest: Rest, namespace: str, core: str) -> None:
        url = f"{core}/events"
        body = {
            "metadata": {"name": "e", "labels": {"c": "true"}},
            "message": "This is a test event",
            "reason": "Test",
            "type": "Normal",
            "count": 1,
            "involvedObject": {"namespace": namespace},
            "source": {"component": "me"},
        }
        rest.create(url, body)
        assert [one["message"] for one in rest.get("/api/v1/events", labelSelector="c=true")["items"]] == [
            "This is a test event"
        ]
        rest.strategic(f"{url}/e", {"message": "patched"})
        held = rest.get(f"{url}/e")
        assert held["message"] == "patched"
        held["series"] = {"count": 100, "lastObservedTime": "2014-12-31T23:59:59.000000Z"}
        assert rest.put(f"{url}/e", held)["series"]["count"] == 100
        rest.delete(f"{url}/e")
        assert rest.get("/api/v1/events", labelSelector="c=true")["items"] == []

    def test_should_ensure_that_an_event_can_be_fetched_patched_deleted_and_listed(
        self, rest: Rest, namespace: str, core: str
    ) -> None:
        url = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        body = {
            "metadata": {"name": "e", "labels": {"t": "1"}},
            "regarding": {"kind": "Pod", "name": "p", "namespace": namespace},
            "eventTime": PRECISELY,
            "note": "This is event e",
            "action": "Do",
            "reason": "Test",
            "type": "Normal",
            "reportingController": "test-controller",
            "reportingInstance": "test-node",
        }
        rest.create(url, body)
        for selector in (
            "reportingController=test-controller",
            "regarding.name=p",
            "reason=Test,type=Normal",
        ):
            found = rest.get(url, fieldSelector=selector)["items"]
            assert [one["metadata"]["name"] for one in found] == ["e"], selector
        assert rest.get(url, fieldSelector="reportingController=other")["items"] == []
        rest.strategic(f"{url}/e", {"series": {"count": 2, "lastObservedTime": PRECISELY}})
        held = rest.get(f"{url}/e")
        held["series"]["count"] = 3
        assert rest.put(f"{url}/e", held)["series"]["count"] == 3
        as_core = rest.get(f"{core}/events/e")
        assert (as_core["message"], as_core["involvedObject"]["name"]) == ("This is event e", "p")
        assert (as_core["series"]["count"], as_core["reportingComponent"]) == (3, "test-controller")
        rest.delete(url, labelSelector="t=1")
        rest.gone(f"{core}/events/e")

    def test_an_event_of_another_namespace_is_refused(self, rest: Rest, core: str) -> None:
        body = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "elsewhere"}}
        refused = rest.refused(422, "Invalid", "POST", f"{core}/events", body)
        assert refused["details"]["causes"][0]["field"] == "involvedObject.namespace"


def test_lease_api_should_be_available(rest: Rest, namespace: str) -> None:
    """[sig-node] Lease"""
    url = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    spec = {
        "holderIdentity": "holder",
        "leaseDurationSeconds": 30,
        "acquireTime": PRECISELY,
        "renewTime": "2026-01-02T03:04:10.000000Z",
        "leaseTransitions": 0,
    }
    rest.create(url, {"metadata": {"name": "l", "labels": {"d": "1"}}, "spec": spec})
    held = rest.get(f"{url}/l")
    assert held["spec"] == spec
    held["spec"] = {**spec, "holderIdentity": "holder2", "leaseTransitions": 1}
    assert rest.put(f"{url}/l", held)["spec"] == held["spec"]
    assert (
        rest.strategic(f"{url}/l", {"spec": {"leaseDurationSeconds": 60}})["spec"]["leaseDurationSeconds"]
        == 60
    )
    rest.create(url, {"metadata": {"name": "l2", "labels": {"d": "1"}}, "spec": spec})
    rest.delete(url, labelSelector="d=1")
    assert rest.get(url)["items"] == []


LIMITS = {
    "limits": [
        {
            "type": "Container",
            "min": {"cpu": "50m", "memory": "100Mi"},
            "max": {"cpu": "500m", "memory": "500Mi"},
            "default": {"cpu": "500m", "memory": "500Mi"},
            "defaultRequest": {"cpu": "100m", "memory": "200Mi"},
        }
    ]
}


class TestLimitRange:
    """[sig-scheduling] LimitRange"""

    def pod(self, name: str, resources: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {"name": name}, "spec": {"containers": [{**CONTAINER, "resources": resources}]}}

    def test_should_create_a_limitrange_with_defaults_and_ensure_pod_has_those_defaults_applied(
        self, rest: Rest, core: str
    ) -> None:
        rest.create(f"{core}/limitranges", {"metadata": {"name": "l"}, "spec": LIMITS})
        made = rest.create(f"{core}/pods", self.pod("none", {}))
        assert made["spec"]["containers"][0]["resources"] == {
            "limits": {"cpu": "500m", "memory": "500Mi"},
            "requests": {"cpu": "100m", "memory": "200Mi"},
        }
        partial = rest.create(f"{core}/pods", self.pod("partial", {"requests": {"cpu": "300m"}}))
        assert partial["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "300m", "memory": "200Mi"}
        small = {"requests": {"cpu": "10m", "memory": "50Mi"}}
        refused = rest.refused(403, "Forbidden", "POST", f"{core}/pods", self.pod("small", small))
        assert "minimum cpu usage per Container is 50m, but request is 10m" in refused["message"]
        large = {"limits": {"cpu": "600m", "memory": "600Mi"}}
        refused = rest.refused(403, "Forbidden", "POST", f"{core}/pods", self.pod("large", large))
        assert "maximum cpu usage per Container is 500m, but limit is 600m" in refused["message"]

    def test_should_list_patch_and_delete_a_limitrange_by_collection(self, rest: Rest, core: str) -> None:
        url = f"{core}/limitranges"
        rest.create(url, {"metadata": {"name": "l", "labels": {"lr": "1"}}, "spec": LIMITS})
        limits = [{**LIMITS["limits"][0], "min": {"cpu": "40m", "memory": "100Mi"}}]
        patched = rest.strategic(f"{url}/l", {"spec": {"limits": limits}})
        assert patched["spec"]["limits"][0]["min"]["cpu"] == "40m"
        assert len(rest.get("/api/v1/limitranges", labelSelector="lr=1")["items"]) == 1
        rest.delete(url, labelSelector="lr=1")
        assert rest.get("/api/v1/limitranges", labelSelector="lr=1")["items"] == []


class TestPods:
    """[sig-node] Pods"""

    @pytest.mark.parametrize(
        ("resources", "quality"),
        [
            ({"limits": {"cpu": "100m", "memory": "100Mi"}}, "Guaranteed"),
            ({"requests": {"cpu": "100m"}}, "Burstable"),
            ({}, "BestEffort"),
        ],
        ids=["guaranteed", "burstable", "besteffort"],
    )
    def test_should_be_set_on_pods_with_matching_resource_requests_and_limits(
        self, rest: Rest, core: str, resources: dict[str, Any], quality: str
    ) -> None:
        """Pods Set QOS Class"""
        spec = {"containers": [{**CONTAINER, "resources": resources}]}
        assert (
            rest.create(f"{core}/pods", {"metadata": {"name": "p"}, "spec": spec})["status"]["qosClass"]
            == quality
        )

    def test_should_be_submitted_and_removed(self, rest: Rest, core: str) -> None:
        url = f"{core}/pods"
        start = rest.get(url)["metadata"]["resourceVersion"]
        rest.create(
            url, {"metadata": {"name": "p", "labels": {"t": "1"}}, "spec": {"containers": [CONTAINER]}}
        )
        held = rest.until(f"{url}/p", lambda got: got["status"]["phase"] == "Running")
        assert held["spec"]["nodeName"]
        going = rest.delete(f"{url}/p", {"gracePeriodSeconds": 1})
        assert going["metadata"]["deletionGracePeriodSeconds"] == 1
        rest.gone(f"{url}/p")
        kinds = []
        for kind, obj in rest.watch(url, resourceVersion=start, labelSelector="t=1"):
            kinds.append(kind)
            if kind == "DELETED":
                assert obj["metadata"]["deletionTimestamp"]
                break
        assert kinds[0] == "ADDED"

    def test_should_be_updated(self, rest: Rest, core: str) -> None:
        item = f"{core}/pods/p"
        rest.create(f"{core}/pods", {"metadata": {"name": "p"}, "spec": {"containers": [CONTAINER]}})
        rest.until(item, lambda got: got["status"]["phase"] == "Running")
        rest.merge(item, {"metadata": {"labels": {"time": "x"}}})
        assert len(rest.get(f"{core}/pods", labelSelector="time=x")["items"]) == 1
        rest.merge(item, {"spec": {"activeDeadlineSeconds": 1}})
        failed = rest.until(item, lambda got: got["status"]["phase"] == "Failed")
        assert failed["status"]["reason"] == "DeadlineExceeded"

    def test_should_run_through_the_lifecycle_of_pods_and_podstatus(self, rest: Rest, core: str) -> None:
        item = f"{core}/pods/p"
        rest.create(
            f"{core}/pods",
            {"metadata": {"name": "p", "labels": {"s": "1"}}, "spec": {"containers": [CONTAINER]}},
        )
        rest.until(item, lambda got: got["status"]["phase"] == "Running")
        change = {
            "metadata": {"labels": {"s": "2"}},
            "spec": {"containers": [{"name": "c", "image": "pause:2"}]},
        }
        rest.strategic(item, change)
        held = rest.until(
            item, lambda got: got["status"]["containerStatuses"][0]["image"].endswith("pause:2")
        )
        assert held["metadata"]["labels"] == {"s": "2"}
        condition = {"type": "Example", "status": "False", "reason": "PodStatusPatched"}
        patched = rest.strategic(f"{item}/status", {"status": {"conditions": [condition]}})
        assert "Example" in [each["type"] for each in patched["status"]["conditions"]]
        assert "Ready" in [each["type"] for each in patched["status"]["conditions"]]
        rest.delete(f"{core}/pods", {"gracePeriodSeconds": 0}, labelSelector="s=2")
        rest.gone(item)

    def test_should_patch_a_pod_status(self, rest: Rest, core: str) -> None:
        item = f"{core}/pods/p"
        rest.create(f"{core}/pods", {"metadata": {"name": "p"}, "spec": {"containers": [CONTAINER]}})
        rest.until(item, lambda got: got["status"]["phase"] == "Running")
        patch = {
            "metadata": {"annotations": {"patchedstatus": "true"}},
            "status": {"message": "Patched by e2e"},
        }
        patched = rest.strategic(f"{item}/status", patch)
        assert patched["metadata"]["annotations"]["patchedstatus"] == "true"
        assert patched["status"]["message"] == "Patched by e2e"

    def test_should_delete_a_collection_of_pods(self, rest: Rest, core: str) -> None:
        for name in ("a", "b", "c"):
            spec = {"containers": [CONTAINER], "terminationGracePeriodSeconds": 1}
            rest.create(
                f"{core}/pods", {"metadata": {"name": name, "labels": {"type": "Testing"}}, "spec": spec}
            )
        rest.delete(f"{core}/pods", labelSelector="type=Testing")
        rest.until(f"{core}/pods", lambda got: got["items"] == [])

    def test_should_reject_a_pod_requesting_a_nonexistent_runtimeclass(self, rest: Rest, core: str) -> None:
        """[sig-node] RuntimeClass"""
        body = {
            "metadata": {"name": "p"},
            "spec": {"containers": [CONTAINER], "runtimeClassName": "nonexistent"},
        }
        refused = rest.refused(403, "Forbidden", "POST", f"{core}/pods", body)
        assert 'RuntimeClass "nonexistent" not found' in refused["message"]

    def test_should_reject_invalid_sysctls(self, rest: Rest, core: str) -> None:
        """[sig-node] Sysctls"""
        sysctls = [
            {"name": name, "value": "0"} for name in ("foo-", "kernel.shmmax", "safe-and-unsafe", "bar..")
        ]
        body = {
            "metadata": {"name": "p"},
            "spec": {"containers": [CONTAINER], "securityContext": {"sysctls": sysctls}},
        }
        refused = rest.refused(422, "Invalid", "POST", f"{core}/pods", body)
        fields = [cause["field"] for cause in refused["details"]["causes"]]
        assert fields == [f"spec.securityContext.sysctls[{number}].name" for number in (0, 3)]

    def test_should_verify_priorityclass_endpoints(self, rest: Rest, namespace: str) -> None:
        """[sig-scheduling] SchedulerPreemption PriorityClass endpoints"""
        url = "/apis/scheduling.k8s.io/v1/priorityclasses"
        rest.create(url, {"metadata": {"name": namespace}, "value": 1})
        item = f"{url}/{namespace}"
        refused = rest.refused(
            422, "Invalid", "PATCH", item, {"value": 10}, content_type="application/merge-patch+json"
        )
        assert "may not be changed in an update" in refused["message"]
        assert rest.merge(item, {"description": "d"})["value"] == 1
        rest.delete(item)
