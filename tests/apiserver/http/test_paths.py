"""Discovery, health, version, metrics and the index."""

import pytest

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
KUBECTL = (
    f"{AGGREGATED},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


async def test_legacy_discovery(api):
    core = (await api.get("/api")).json
    assert (core["kind"], core["versions"]) == ("APIVersions", ["v1"])
    assert core["serverAddressByClientCIDRs"] == [
        {"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}
    ]
    groups = (await api.get("/apis/")).json
    assert groups["kind"] == "APIGroupList"
    assert "apps" in [group["name"] for group in groups["groups"]]
    group = (await api.get("/apis/apps")).json
    assert (group["kind"], group["apiVersion"], group["preferredVersion"]["version"]) == (
        "APIGroup",
        "v1",
        "v1",
    )
    resources = (await api.get("/apis/apps/v1")).json
    assert (resources["kind"], resources["groupVersion"]) == ("APIResourceList", "apps/v1")
    pods = next(entry for entry in (await api.get("/api/v1/")).json["resources"] if entry["name"] == "pods")
    assert (pods["kind"], pods["namespaced"], pods["shortNames"]) == ("Pod", True, ["po"])


@pytest.mark.parametrize(
    "path", ["/apis/nope", "/apis/apps/v9", "/api/v2", "/nope", "/apisx", "/healthz/nope", "/healthzz"]
)
async def test_unknown_paths_are_plain_404s(api, path):
    reply = await api.get(path)
    assert (reply.status, reply.text) == (404, "404 page not found\n")


async def test_aggregated_discovery_has_an_etag(api):
    reply = await api.get("/apis", headers={"Accept": KUBECTL})
    assert (reply.status, reply.headers["Content-Type"]) == (200, AGGREGATED)
    assert (reply.json["kind"], reply.json["apiVersion"]) == (
        "APIGroupDiscoveryList",
        "apidiscovery.k8s.io/v2",
    )
    again = await api.get("/apis", headers={"Accept": KUBECTL, "If-None-Match": reply.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert "Content-Type" not in again.headers
    older = await api.get("/api", headers={"Accept": KUBECTL.split(",")[1]})
    assert older.json["apiVersion"] == "apidiscovery.k8s.io/v2beta1"
    assert (await api.get("/apis", headers={"Accept": "application/json," + AGGREGATED})).json[
        "kind"
    ] == "APIGroupList"
    assert (await api.get("/apis", headers={"Accept": "application/json;as=X;g=y;v=z"})).status == 406
    assert (await api.get("/apis/apps/v1", headers={"Accept": AGGREGATED + ",*/*;q=0.5"})).json[
        "kind"
    ] == "APIResourceList"


async def test_version(api):
    version = (await api.get("/version")).json
    assert (version["major"], version["minor"], version["gitVersion"]) == ("1", "37", "v1.37.0")
    assert all(isinstance(value, str) for value in version.values())


async def test_only_get_is_answered(api):
    assert (await api.call("POST", "/version")).status == 405
    assert (await api.call("HEAD", "/healthz")).status == 200


async def test_the_index_lists_what_there_is(api):
    paths = (await api.get("/")).json["paths"]
    assert {"/api/v1", "/apis/apps/v1", "/healthz/ping", "/metrics", "/version", "/readyz"} <= set(paths)
    assert paths == sorted(paths)


async def test_metrics_count_requests(api):
    await api.get("/api/v1/namespaces/default/configmaps")
    text = (await api.get("/metrics")).text
    assert (
        'apiserver_request_total{code="200",group="",resource="configmaps",scope="namespace",subresource="",verb="LIST",version="v1"} 1.0'
        in text
    )
    assert "apiserver_request_duration_seconds_bucket" in text


@pytest.fixture
def broken(api):
    state = {"why": ""}
    api.health.add("etcd", lambda: state["why"], "readyz", "healthz")
    api.health.add("poststarthook/rbac/bootstrap-roles", lambda: "")
    return state


async def test_health(api, broken):
    assert (await api.get("/readyz")).text == "ok"
    assert (await api.get("/readyz?verbose")).text == (
        "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]poststarthook/rbac/bootstrap-roles ok\nreadyz check passed\n"
    )
    assert (await api.get("/readyz/poststarthook/rbac/bootstrap-roles")).text == "ok"
    broken["why"] = "no leader at 10.0.0.1"
    failed = await api.get("/readyz")
    assert failed.status == 500
    assert failed.text == (
        "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n[+]poststarthook/rbac/bootstrap-roles ok\nreadyz check failed\n"
    )
    assert (await api.get("/livez")).text == "ok"
    assert (await api.get("/readyz/etcd")).status == 500
    excluded = await api.get("/readyz?verbose&exclude=etcd&exclude=nope")
    assert (excluded.status, "[+]etcd excluded: ok\n" in excluded.text) == (200, True)
    assert 'warn: some health checks cannot be excluded: no matches for "nope"\n' in excluded.text


def test_a_check_has_a_name_of_its_own(api):
    with pytest.raises(ValueError, match="ping"):
        api.health.add("ping", lambda: "")
