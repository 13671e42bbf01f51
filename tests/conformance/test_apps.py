"""Upstream's conformance tests of test/e2e/apps: workloads, their status and their revisions."""

from typing import Any

import pytest

from tests.conformance.rest import Rest

CONTAINER = {"name": "c", "image": "nginx:1"}
BATCH = "/apis/batch/v1/namespaces/{namespace}"


def workload(name: str, replicas: int | None = None, **spec: Any) -> dict[str, Any]:
    labels = {"name": name}
    body: dict[str, Any] = {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [CONTAINER]}},
            **spec,
        },
    }
    if replicas is not None:
        body["spec"]["replicas"] = replicas
    return body


def ready(replicas: int) -> Any:
    return lambda got: got["status"].get("readyReplicas", 0) == replicas


class TestDeployment:
    """[sig-apps] Deployment"""

    def test_should_run_the_lifecycle_of_a_deployment(self, rest: Rest, apps: str) -> None:
        item = f"{apps}/deployments/d"
        rest.create(f"{apps}/deployments", workload("d", 1))
        rest.until(item, ready(1))
        change = {"containers": [{"name": "c", "image": "nginx:2"}]}
        rest.strategic(item, {"spec": {"replicas": 2, "template": {"spec": change}}})
        rest.until(
            item,
            lambda got: got["status"].get("updatedReplicas") == 2 and got["status"].get("readyReplicas") == 2,
        )
        found = rest.get("/apis/apps/v1/deployments", labelSelector="name=d")["items"]
        assert [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in found] == ["nginx:2"]
        status = rest.strategic(f"{item}/status", {"status": {"readyReplicas": 0, "availableReplicas": 0}})
        assert status["status"].get("readyReplicas", 0) == 0
        rest.until(item, ready(2))
        rest.delete(f"{apps}/deployments", labelSelector="name=d")
        rest.gone(item)

    def test_should_have_a_working_scale_subresource(self, rest: Rest, apps: str) -> None:
        item = f"{apps}/deployments/d"
        rest.create(f"{apps}/deployments", workload("d", 1))
        scale = rest.get(f"{item}/scale")
        assert (scale["kind"], scale["apiVersion"], scale["spec"]) == (
            "Scale",
            "autoscaling/v1",
            {"replicas": 1},
        )
        scale["metadata"]["resourceVersion"] = ""
        scale["spec"]["replicas"] = 2
        assert rest.put(f"{item}/scale", scale)["spec"] == {"replicas": 2}
        assert rest.get(item)["spec"]["replicas"] == 2
        assert rest.merge(f"{item}/scale", {"spec": {"replicas": 4}})["spec"] == {"replicas": 4}
        done = rest.until(item, ready(4))
        assert rest.get(f"{item}/scale")["status"] == {"replicas": 4, "selector": "name=d"}
        assert done["metadata"]["generation"] == 3

    def test_recreate_deployment_should_delete_old_pods_and_create_new_ones(
        self, rest: Rest, core: str, apps: str
    ) -> None:
        item = f"{apps}/deployments/d"
        rest.create(f"{apps}/deployments", workload("d", 2, strategy={"type": "Recreate"}))
        rest.until(item, ready(2))
        change = {"containers": [{"name": "c", "image": "nginx:2"}], "terminationGracePeriodSeconds": 0}
        rest.strategic(item, {"spec": {"template": {"spec": change}}})

        def renewed(got: Any) -> bool:
            images = [one["spec"]["containers"][0]["image"] for one in got["items"]]
            assert len(set(images)) < 2, "old and new pods side by side"
            return images == ["nginx:2"] * 2

        rest.until(f"{core}/pods", renewed)

    def test_should_delete_old_replica_sets(self, rest: Rest, apps: str) -> None:
        item = f"{apps}/deployments/d"
        rest.create(f"{apps}/deployments", workload("d", 1, revisionHistoryLimit=0))
        rest.until(item, ready(1))
        rest.strategic(
            item, {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:2"}]}}}}
        )
        rest.until(
            f"{apps}/replicasets",
            lambda got: (
                [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in got["items"]]
                == ["nginx:2"]
            ),
        )

    def test_should_validate_deployment_status_endpoints(self, rest: Rest, apps: str) -> None:
        item = f"{apps}/deployments/d"
        rest.create(f"{apps}/deployments", workload("d", 1))
        held = rest.until(item, ready(1))
        condition = {
            "type": "StatusUpdate",
            "status": "True",
            "reason": "E2E",
            "message": "Set from e2e test",
        }
        conditions = [*held["status"]["conditions"], condition]
        written = rest.merge(f"{item}/status", {"status": {"conditions": conditions}})
        assert "StatusUpdate" in [each["type"] for each in written["status"]["conditions"]]
        only = [{**condition, "type": "StatusPatched"}]
        patched = rest.merge(f"{item}/status", {"status": {"conditions": only}})
        assert [each["type"] for each in patched["status"]["conditions"]] == ["StatusPatched"]


class TestReplicaSet:
    """[sig-apps] ReplicaSet, ReplicationController"""

    def test_should_adopt_matching_pods_on_creation_and_release_no_longer_matching_pods(
        self, rest: Rest, core: str, apps: str
    ) -> None:
        pod = {"metadata": {"name": "p", "labels": {"name": "rs"}}, "spec": {"containers": [CONTAINER]}}
        rest.create(f"{core}/pods", pod)
        made = rest.create(f"{apps}/replicasets", workload("rs", 1))
        uid = made["metadata"]["uid"]
        owned = rest.until(f"{core}/pods/p", lambda got: got["metadata"].get("ownerReferences"))
        [owner] = owned["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (uid, True, True)
        rest.merge(f"{core}/pods/p", {"metadata": {"labels": {"name": "not-matching"}}})
        rest.until(f"{core}/pods/p", lambda got: not got["metadata"].get("ownerReferences"))
        rest.until(f"{core}/pods", lambda got: len(got["items"]) == 2)

    def test_replace_and_patch_replicaset(self, rest: Rest, apps: str) -> None:
        item = f"{apps}/replicasets/rs"
        rest.create(f"{apps}/replicasets", workload("rs", 1))
        rest.until(item, ready(1))
        rest.merge(f"{item}/scale", {"spec": {"replicas": 2}})
        rest.until(item, ready(2))
        patch = {"metadata": {"labels": {"test": "patched"}}, "spec": {"replicas": 3}}
        assert rest.strategic(item, patch)["metadata"]["labels"]["test"] == "patched"
        rest.until(item, ready(3))

    def test_should_list_and_delete_a_collection_of_replicasets(self, rest: Rest, apps: str) -> None:
        rest.create(f"{apps}/replicasets", workload("rs", 3))
        rest.until(f"{apps}/replicasets/rs", ready(3))
        assert len(rest.get(f"{apps}/replicasets", labelSelector="name=rs")["items"]) == 1
        rest.delete(f"{apps}/replicasets", labelSelector="name=rs")
        rest.gone(f"{apps}/replicasets/rs")

    def test_should_validate_replicaset_status_endpoints(self, rest: Rest, apps: str) -> None:
        item = f"{apps}/replicasets/rs"
        rest.create(f"{apps}/replicasets", workload("rs", 1))
        held = rest.until(item, ready(1))
        held["status"]["conditions"] = [{"type": "StatusUpdate", "status": "True", "reason": "E2E"}]
        assert rest.put(f"{item}/status", held)["status"]["conditions"][0]["type"] == "StatusUpdate"


class TestDaemonSet:
    """[sig-apps] Daemon set [Serial]"""

    def test_should_run_and_stop_simple_daemon(self, rest: Rest, core: str, apps: str) -> None:
        item = f"{apps}/daemonsets/ds"
        rest.create(f"{apps}/daemonsets", workload("ds"))
        rest.until(item, lambda got: got["status"]["numberReady"] == 2)
        pods = rest.get(f"{core}/pods", labelSelector="name=ds")["items"]
        assert sorted(pod["spec"]["nodeName"] for pod in pods) == ["node-0", "node-1"]
        rest.delete(f"{core}/pods/{pods[0]['metadata']['name']}", gracePeriodSeconds=0)
        names = {pods[1]["metadata"]["name"]}
        rest.until(
            f"{core}/pods",
            lambda got: len(got["items"]) == 2 and names < {one["metadata"]["name"] for one in got["items"]},
        )

    def test_should_run_and_stop_complex_daemon(self, rest: Rest, core: str, apps: str) -> None:
        body = workload("ds")
        body["spec"]["template"]["spec"] = {"containers": [CONTAINER], "nodeSelector": {"color": "blue"}}
        rest.create(f"{apps}/daemonsets", body)
        item, node = f"{apps}/daemonsets/ds", "/api/v1/nodes/node-0"
        rest.until(item, lambda got: got["status"].get("observedGeneration") == 1)
        assert rest.get(item)["status"]["desiredNumberScheduled"] == 0
        rest.merge(node, {"metadata": {"labels": {"color": "blue"}}})
        rest.until(item, lambda got: got["status"]["numberReady"] == 1)
        rest.merge(node, {"metadata": {"labels": {"color": "green"}}})
        rest.until(f"{core}/pods", lambda got: not got["items"])
        rest.merge(node, {"metadata": {"labels": {"color": None}}})

    def test_should_rollback_without_unnecessary_restarts_and_list_and_delete(
        self, rest: Rest, apps: str
    ) -> None:
        item = f"{apps}/daemonsets/ds"
        rest.create(f"{apps}/daemonsets", workload("ds"))
        rest.until(item, lambda got: got["status"]["numberReady"] == 2)
        rest.until(f"{apps}/controllerrevisions", lambda got: len(got["items"]) == 1)
        rest.delete(f"{apps}/daemonsets", labelSelector="name=ds")
        rest.gone(item)

    def test_should_verify_changes_to_a_daemon_set_status(self, rest: Rest, apps: str) -> None:
        item = f"{apps}/daemonsets/ds"
        rest.create(f"{apps}/daemonsets", workload("ds"))
        rest.until(item, lambda got: got["status"]["numberReady"] == 2)
        condition = {"type": "StatusUpdate", "status": "True", "reason": "E2E"}
        held = rest.merge(f"{item}/status", {"status": {"conditions": [condition]}})
        assert held["status"]["conditions"][0]["type"] == "StatusUpdate"


class TestJob:
    """[sig-apps] Job"""

    @pytest.fixture
    def jobs(self, namespace: str) -> str:
        return f"{BATCH.format(namespace=namespace)}/jobs"

    def job(self, name: str, run: str = "50ms", **spec: Any) -> dict[str, Any]:
        annotations = {"sim.kube-actors.dev/run-time": run}
        template = {
            "metadata": {"annotations": annotations},
            "spec": {"restartPolicy": "Never", "containers": [CONTAINER]},
        }
        return {"metadata": {"name": name, "labels": {"j": name}}, "spec": {"template": template, **spec}}

    def test_should_run_a_job_to_completion(self, rest: Rest, core: str, jobs: str) -> None:
        rest.create(jobs, self.job("j", parallelism=2, completions=4))
        done = rest.until(
            f"{jobs}/j",
            lambda got: got["status"].get("succeeded") == 4 and got["status"].get("completionTime"),
        )
        types = {each["type"]: each["status"] for each in done["status"]["conditions"]}
        assert types["Complete"] == "True"
        assert len(rest.get(f"{core}/pods", labelSelector="batch.kubernetes.io/job-name=j")["items"]) == 4

    def test_should_delete_a_job(self, rest: Rest, core: str, jobs: str) -> None:
        rest.create(jobs, self.job("j", "1h", parallelism=2, completions=4))
        rest.until(f"{jobs}/j", lambda got: got["status"].get("active") == 2)
        rest.delete(f"{jobs}/j", {"propagationPolicy": "Foreground", "gracePeriodSeconds": 0})
        rest.gone(f"{jobs}/j")
        rest.until(f"{core}/pods", lambda got: not got["items"])

    def test_should_manage_the_lifecycle_of_a_job(self, rest: Rest, jobs: str) -> None:
        rest.create(jobs, self.job("j", parallelism=1, completions=1, suspend=True))
        held = rest.until(f"{jobs}/j", lambda got: got["status"].get("conditions"))
        assert held["status"]["conditions"][0]["type"] == "Suspended"
        rest.merge(f"{jobs}/j", {"metadata": {"labels": {"patched": "true"}}})
        held = rest.get(f"{jobs}/j")
        held["spec"]["suspend"] = False
        held["metadata"]["annotations"] = {"updated": "true"}
        rest.put(f"{jobs}/j", held)
        rest.until(f"{jobs}/j", lambda got: got["status"].get("succeeded") == 1)
        assert len(rest.get("/apis/batch/v1/jobs", labelSelector="patched=true")["items"]) == 1
        rest.delete(jobs, {"propagationPolicy": "Background"}, labelSelector="patched=true")
        rest.gone(f"{jobs}/j")

    def test_should_apply_changes_to_a_job_status(self, rest: Rest, jobs: str) -> None:
        rest.create(jobs, self.job("j", "1h"))
        rest.until(f"{jobs}/j", lambda got: got["status"].get("ready") == 1)
        condition = {
            "type": "CustomConditionType",
            "status": "True",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
        written = rest.merge(f"{jobs}/j/status", {"status": {"conditions": [condition]}})
        assert written["status"]["conditions"][0]["type"] == "CustomConditionType"

    def test_should_adopt_matching_orphans_and_release_nonmatching_pods(
        self, rest: Rest, core: str, jobs: str
    ) -> None:
        rest.create(jobs, self.job("j", "1h", parallelism=2, completions=2))
        rest.until(f"{jobs}/j", lambda got: got["status"].get("ready") == 2)
        name = rest.get(f"{core}/pods")["items"][0]["metadata"]["name"]
        rest.merge(f"{core}/pods/{name}", {"metadata": {"ownerReferences": None}})
        rest.until(f"{core}/pods/{name}", lambda got: got["metadata"].get("ownerReferences"))
        rest.merge(f"{core}/pods/{name}", {"metadata": {"labels": None}})
        rest.until(f"{core}/pods/{name}", lambda got: not got["metadata"].get("ownerReferences"))

    def test_should_terminate_job_execution_when_the_number_of_failures_exceeds_the_limit(
        self, rest: Rest, jobs: str
    ) -> None:
        body = self.job("j", backoffLimit=0)
        body["spec"]["template"]["metadata"]["annotations"]["sim.kube-actors.dev/exit-code"] = "1"
        rest.create(jobs, body)
        failed = rest.until(
            f"{jobs}/j",
            lambda got: [one for one in got["status"].get("conditions", []) if one["type"] == "Failed"],
        )
        assert {one["reason"] for one in failed["status"]["conditions"]} == {"BackoffLimitExceeded"}

    def test_should_create_pods_for_an_indexed_job_with_completion_indexes(
        self, rest: Rest, core: str, jobs: str
    ) -> None:
        rest.create(jobs, self.job("j", parallelism=2, completions=4, completionMode="Indexed"))
        done = rest.until(f"{jobs}/j", lambda got: got["status"].get("completedIndexes") == "0-3")
        assert done["status"]["succeeded"] == 4
        indexes = [
            one["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]
            for one in rest.get(f"{core}/pods")["items"]
        ]
        assert sorted(indexes) == ["0", "1", "2", "3"]

    def test_should_remove_pods_when_job_is_suspended(self, rest: Rest, core: str, jobs: str) -> None:
        rest.create(jobs, self.job("j", "1h", parallelism=2, completions=2))
        rest.until(f"{jobs}/j", lambda got: got["status"].get("active") == 2)
        rest.merge(f"{jobs}/j", {"spec": {"suspend": True, "template": {"spec": {}}}})
        rest.until(f"{jobs}/j", lambda got: got["status"].get("active", 0) == 0)


class TestBudgets:
    """[sig-apps] DisruptionController: what needs no controller"""

    def test_should_list_and_delete_a_collection_of_poddisruptionbudgets(
        self, rest: Rest, namespace: str
    ) -> None:
        url = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
        for name in ("a", "b"):
            body = {
                "metadata": {"name": name, "labels": {"set": "1"}},
                "spec": {"minAvailable": "1%", "selector": {"matchLabels": {"a": "b"}}},
            }
            rest.create(url, body)
        assert len(rest.get("/apis/policy/v1/poddisruptionbudgets", labelSelector="set=1")["items"]) == 2
        rest.delete(url, labelSelector="set=1")
        assert rest.get(url)["items"] == []
