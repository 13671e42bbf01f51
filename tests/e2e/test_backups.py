"""A cluster that moves: from its data directory by a backup into a real etcd, and back."""

from pathlib import Path

from tests.e2e.harness import Kubectl, kube, start, stop
from tests.e2e.test_stores import STEADY, kubectl_for, name_of, objects
from tests.store.servers import DISTRO, free_port, restored_etcd


def snapshot(home: Path, *arguments: object) -> None:
    process = kube(home, "store", "snapshot", *map(str, arguments))
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said


def moved(home: Path, *flags: str, before: list[dict[str, dict[str, object]]]) -> None:
    """With these flags the cluster has every object that there was, and goes on; what it has then is added to ``before``."""
    running = start(home, "--nodes", "1", *flags)
    try:
        kubectl: Kubectl = kubectl_for(running, home)
        found = objects(kubectl)
        for uid, item in (before[-1] if before else {}).items():
            assert uid in found, name_of(item)
            if item["kind"] in STEADY:
                for part in ("spec", "data", "rules", "roleRef", "subjects"):
                    assert found[uid].get(part) == item.get(part), name_of(item)
        kubectl("create", "configmap", f"made-{len(before)}", "--from-literal=key=value")
        before.append(objects(kubectl))
    finally:
        assert stop(running) == 0


def test_from_a_data_directory_into_an_etcd_and_back(tmp_path: Path) -> None:
    before: list[dict[str, dict[str, object]]] = []
    backup, again = tmp_path / "backup", tmp_path / "again"
    port = ("--port", str(free_port()))
    moved(tmp_path, *port, "--data-dir", "first", before=before)
    snapshot(tmp_path, "save", backup, "--data-dir", "first")
    server = restored_etcd(DISTRO, tmp_path, backup)
    server.start()
    try:
        moved(tmp_path, *port, "--store", f"etcd://{server.endpoint}", before=before)
        snapshot(tmp_path, "save", again, "--endpoint", server.endpoint)
    finally:
        server.kill()
    snapshot(tmp_path, "restore", again, "--data-dir", "second", "--replicas", "3")
    moved(tmp_path, *port, "--data-dir", "second", before=before)
    names = {name_of(each) for each in before[-1].values()}
    assert {f"ConfigMap default/made-{number}" for number in range(3)} <= names
