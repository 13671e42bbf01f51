"""``kube up --etcd-port``: etcdctl sees what the API server keeps."""

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.harness import REPOSITORY, interrupt, kube, said
from tests.store.etcd_server.conftest import Etcdctl, etcdctl_binary


async def test_etcdctl_sees_what_the_api_server_keeps(tmp_path: Path) -> None:
    process = kube(
        tmp_path,
        *("up", "--nodes", "0", "--replicas", "1", "--port", "0", "--etcd-port", "0", "--output", "json"),
        *("--kubeconfig", str(tmp_path / "config")),
    )
    try:
        facts = json.loads(said(process, r"^\{.*\}$")[0])
        etcdctl = Etcdctl(etcdctl_binary("3.5"), facts["etcd"])
        keys = (await etcdctl("get", "/registry", "--prefix", "--keys-only")).out.split()
        assert "/registry/namespaces/kube-system" in keys
        assert facts["etcd"] in (await etcdctl("member", "list")).out
    finally:
        assert interrupt(process) == 0


def test_another_store_is_asked_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kube.cli.main", "up", "--etcd-port", "0", "--store", "etcd://127.0.0.1:1"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=REPOSITORY,
        env={"HOME": str(tmp_path)},
    )
    assert done.returncode == 2
    assert "--etcd-port serves the store of this process; with --store ask that etcd itself" in done.stderr
