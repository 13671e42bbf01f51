"""Create, list, watch, patch and delete through the clients of others, unchanged, over HTTPS."""

import asyncio
import contextlib
import queue
import threading
from typing import Any

import pytest

from tests.e2e.harness import Running

NAMESPACE = "default"


def config_map(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"made-by": name}},
        "data": {"a": "1"},
    }


def test_official_client(cluster: Running) -> None:
    kubernetes = pytest.importorskip("kubernetes")
    api_client = kubernetes.config.new_client_from_config(str(cluster.kubeconfig))
    with api_client:
        core = kubernetes.client.CoreV1Api(api_client)
        events: queue.Queue[tuple[str, str]] = queue.Queue()
        version = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version

        def follow() -> None:
            stream = kubernetes.watch.Watch().stream(
                core.list_namespaced_config_map,
                NAMESPACE,
                label_selector="made-by=official",
                resource_version=version,
                timeout_seconds=30,
            )
            for event in stream:
                events.put((event["type"], event["object"].metadata.name))
                if event["type"] == "DELETED":
                    return

        follower = threading.Thread(target=follow)
        follower.start()
        created = core.create_namespaced_config_map(NAMESPACE, config_map("official"))
        assert created.metadata.uid
        listed = core.list_namespaced_config_map(NAMESPACE, label_selector="made-by=official")
        assert [item.metadata.name for item in listed.items] == ["official"]
        patched = core.patch_namespaced_config_map("official", NAMESPACE, {"data": {"b": "2"}})
        assert patched.data == {"a": "1", "b": "2"}
        patched.data["c"] = "3"
        assert core.replace_namespaced_config_map("official", NAMESPACE, patched).data["c"] == "3"
        with pytest.raises(kubernetes.client.ApiException) as conflict:
            core.replace_namespaced_config_map("official", NAMESPACE, patched)
        assert conflict.value.status == 409
        core.delete_namespaced_config_map("official", NAMESPACE)
        follower.join(30)
        assert not follower.is_alive()
    assert [events.get_nowait()[0] for _ in range(4)] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    apps = kubernetes.client.AppsV1Api(api_client)
    assert apps.list_deployment_for_all_namespaces().items is not None


async def test_kubernetes_asyncio(cluster: Running) -> None:
    kubernetes_asyncio = pytest.importorskip("kubernetes_asyncio")
    configuration = kubernetes_asyncio.client.Configuration()
    await kubernetes_asyncio.config.load_kube_config(
        str(cluster.kubeconfig), client_configuration=configuration
    )
    async with kubernetes_asyncio.client.ApiClient(configuration) as api_client:
        core = kubernetes_asyncio.client.CoreV1Api(api_client)
        version = (await core.list_namespaced_config_map(NAMESPACE)).metadata.resource_version
        seen: list[str] = []

        async def follow() -> None:
            async with kubernetes_asyncio.watch.Watch() as watch:
                async for event in watch.stream(
                    core.list_namespaced_config_map,
                    NAMESPACE,
                    label_selector="made-by=asyncio",
                    resource_version=version,
                    timeout_seconds=30,
                ):
                    seen.append(event["type"])
                    if event["type"] == "DELETED":
                        return

        follower = asyncio.create_task(follow())
        await core.create_namespaced_config_map(NAMESPACE, config_map("asyncio"))
        listed = await core.list_namespaced_config_map(NAMESPACE, label_selector="made-by=asyncio")
        assert [item.metadata.name for item in listed.items] == ["asyncio"]
        patched = await core.patch_namespaced_config_map("asyncio", NAMESPACE, {"data": {"b": "2"}})
        assert patched.data == {"a": "1", "b": "2"}
        await core.delete_namespaced_config_map("asyncio", NAMESPACE)
        await asyncio.wait_for(follower, 30)
        assert seen == ["ADDED", "MODIFIED", "DELETED"]


@pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported:UserWarning")
async def test_kr8s(cluster: Running) -> None:
    """Its releases follow Kubernetes' at a distance and warn of versions that they do not know yet."""
    kr8s = pytest.importorskip("kr8s")
    api = await kr8s.asyncio.api(kubeconfig=str(cluster.kubeconfig))
    from kr8s.asyncio.objects import ConfigMap

    made = await ConfigMap(config_map("kr8s"), api=api)
    await made.create()
    assert await made.exists()
    mine = {"namespace": NAMESPACE, "label_selector": "made-by=kr8s"}
    listed = [item async for item in api.get("configmaps", **mine)]
    assert [item.name for item in listed] == ["kr8s"]
    await made.patch({"data": {"b": "2"}})
    assert made.data == {"a": "1", "b": "2"}
    seen: list[str] = []
    first = asyncio.Event()

    async def follow() -> None:
        async with contextlib.aclosing(api.watch("configmaps", **mine)) as events:
            async for kind, _ in events:
                seen.append(kind)
                first.set()
                if kind == "DELETED":
                    return

    follower = asyncio.create_task(follow())
    await asyncio.wait_for(first.wait(), 30)
    await made.delete()
    await asyncio.wait_for(follower, 30)
    assert seen[-1] == "DELETED"
    await api._session.aclose()  # kr8s leaves its connections to the collector


async def test_lightkube(cluster: Running) -> None:
    lightkube = pytest.importorskip("lightkube")
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    configuration = lightkube.KubeConfig.from_file(str(cluster.kubeconfig))
    client = lightkube.AsyncClient(config=configuration, namespace=NAMESPACE)
    try:
        made = await client.create(
            ConfigMap(metadata=ObjectMeta(name="lightkube", labels={"made-by": "lightkube"}), data={"a": "1"})
        )
        assert made.metadata.uid
        names = [item.metadata.name async for item in client.list(ConfigMap, labels={"made-by": "lightkube"})]
        assert names == ["lightkube"]
        patched = await client.patch(ConfigMap, "lightkube", {"data": {"b": "2"}})
        assert patched.data == {"a": "1", "b": "2"}
        seen: list[str] = []

        async def follow() -> None:
            async for kind, _ in client.watch(
                ConfigMap, labels={"made-by": "lightkube"}, resource_version=patched.metadata.resourceVersion
            ):
                seen.append(kind)
                if kind == "DELETED":
                    return

        follower = asyncio.create_task(follow())
        await client.delete(ConfigMap, "lightkube")
        await asyncio.wait_for(follower, 30)
        assert seen == ["DELETED"]
    finally:
        await client.close()
