"""An object is stored as the same bytes whether a program of the process or an HTTPS client created it."""

import json
import re

import pytest

from kube import Client, Cluster
from kube.apimachinery.serializer import decode
from kube.client import kubeconfig
from kube.client.interface import Request
from tests.apiserver.every_resource import CORE, Row

OF_THE_MOMENT = re.compile(
    rb'"(uid|creationTimestamp|clusterIP|resourceVersion)":"[^"]*"|"clusterIPs":\[[^\]]*\]|kube-api-access-\w{5}'
)
"""What is drawn or read from the clock at each creation."""


async def stored(cluster: Cluster, key: bytes) -> bytes:
    found = (await cluster.store.range(key)).kvs
    assert len(found) == 1, key
    return OF_THE_MOMENT.sub(b"", found[0].value)


@pytest.mark.parametrize(
    "name", ["configmaps", "secrets", "services", "pods", "limitranges", "resourcequotas"]
)
async def test_both_ways_store_the_same(name: str, tmp_path) -> None:
    row: Row = CORE[name]
    async with Cluster(
        nodes=0, scheduler=False, controllers=("serviceaccount",), listen=("127.0.0.1", 0)
    ) as cluster:
        resource = cluster.client.resources.get("", "v1", name)
        assert resource is not None
        head = {"apiVersion": "v1", "kind": resource.kind}
        tree = {**head, "metadata": {"name": "thing", "namespace": "default", "labels": {}}, **row.tree}
        made = decode(resource.type, json.dumps(tree).encode())
        key = resource.key("default", "thing").encode()
        request = Request(verb="create", resource=resource, namespace="default", body=made)
        await cluster.client.transport.call(request)
        in_process = await stored(cluster, key)
        await cluster.client.delete(resource, "thing", grace_period_seconds=0)
        path = tmp_path / "kubeconfig"
        kubeconfig.write(path, cluster.kubeconfig())
        async with Client.from_kubeconfig(path) as client:
            await client.create(made)
        over_https = await stored(cluster, key)
        assert over_https == in_process
