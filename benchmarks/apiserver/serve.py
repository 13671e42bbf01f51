"""An API server for the benchmarks, in a process of its own: HTTPS, RBAC, admission, a store of three replicas.

`python -m benchmarks.apiserver.serve DIRECTORY [--loop asyncio|uvloop] [--replicas 3] [--store etcd://HOST:PORT] [--profile FILE]` writes `ca.crt`, `client.crt` and
`client.key` into the directory, prints a line of JSON with the port, and answers each line of standard input with one of
its processor time and memory. The client is a user with the role `edit`. Ends with its input.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from kube.actors.api_server import ApiServer
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.types.core_v1 import ServiceAccount
from kube.api.types.rbac_v1 import ClusterRoleBinding, RoleRef, Subject
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authentication.interface import loopback
from kube.apiserver.instance import Loopback, ServerOptions
from kube.apiserver.pki import CertificateAuthority
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.client.interface import Request
from kube.store.etcd3.config import parse_url
from kube.store.etcd3.store import Etcd3Store
from kube.store.local import LocalStore, StoreConfig

USER = "bench"
RBAC = "rbac.authorization.k8s.io"


async def grant(api: Loopback) -> None:
    instance = api.instance
    assert instance is not None
    while not instance.is_ready:  # noqa: ASYNC110  # readiness is polled, as clients do
        await asyncio.sleep(0.01)
    binding = ClusterRoleBinding(
        metadata=ObjectMeta(name=USER),
        role_ref=RoleRef(api_group=RBAC, kind="ClusterRole", name="edit"),
        subjects=(Subject(api_group=RBAC, kind="User", name=USER),),
    )
    row = instance.table.get(RBAC, "v1", "clusterrolebindings")
    assert row is not None
    transport = api.transport(loopback())
    await transport.call(Request(verb="create", resource=row, body=binding))
    accounts = instance.table.get("", "v1", "serviceaccounts")
    assert accounts is not None
    account = ServiceAccount(metadata=ObjectMeta(name="default"))
    await transport.call(Request(verb="create", resource=accounts, namespace="default", body=account))


async def open_store(url: str, replicas: int, system: ActorSystem) -> LocalStore | Etcd3Store:
    if url:
        etcd = Etcd3Store(parse_url(url), system.clock)
        await etcd.ready()
        return etcd
    store = LocalStore(StoreConfig(replicas=replicas), system.clock, system.chance.fork("store"))
    await start_members(system, store)
    return store


async def serve(directory: Path, url: str, replicas: int, profiler: cProfile.Profile | None) -> None:
    clock, chance = SystemClock(), Chance.system()
    async with ActorSystem(clock=clock, chance=chance) as system:
        store = await open_store(url, replicas, system)
        authority, api = CertificateAuthority.create(clock.now(), chance), Loopback()
        await system.start(partial(ApiServer, store, ServerOptions(), authority, api), name="api-server")
        await grant(api)
        authority.client(USER, (), clock.now()).write(directory, "client")
        (directory / "ca.crt").write_bytes(authority.certificate)
        gc.collect()
        gc.freeze()
        if profiler is not None:
            profiler.enable()
        print(json.dumps({"port": api.port}), flush=True)
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(json.dumps({"cpu": time.process_time(), "rss": rss}), flush=True)
        if profiler is not None:
            profiler.disable()
        await system.stop()
        await store.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--store", default="", help="an etcd's URL, in the place of replicas in memory")
    parser.add_argument("--profile", type=Path, help="write cProfile's statistics there")
    options = parser.parse_args()
    factory: Any = asyncio.new_event_loop
    if options.loop == "uvloop":
        import uvloop  # noqa: PLC0415  # optional

        factory = uvloop.new_event_loop
        gc.set_threshold(100_000, 50, 100)
    profiler = cProfile.Profile() if options.profile is not None else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(options.directory, options.store, options.replicas, profiler))
    if profiler is not None:
        profiler.dump_stats(options.profile)


if __name__ == "__main__":
    main()
