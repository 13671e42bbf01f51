"""``kube store member``: it serves etcd's API by the same flags as ``kube store serve``."""

import asyncio
import json
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from kube.cli.errors import CommandError
from kube.cli.store import member as command
from kube.cli.store.member import member
from kube.cli.store.serve import serve
from tests.e2e.harness import interrupt, kube, said
from tests.store.etcd_server.conftest import Etcdctl, etcdctl_binary


def options(of: object) -> set[str]:
    return {parameter.name for parameter in of.params}  # type: ignore[attr-defined]  # a command's


def test_whatever_serve_takes_but_members_of_its_own() -> None:
    assert options(serve) - options(member) == {"replicas"}


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        pytest.param(
            ["--client-cert-auth"], "--listen-client-urls has no https:// in it", id="no certificates"
        ),
        pytest.param(
            ["--auto-compaction-mode", "revision", "--auto-compaction-retention", "1h"],
            "'1h': with mode revision a number is wanted",
            id="no number",
        ),
        pytest.param(["--grpc-keepalive-interval", "soon"], "'soon' is no duration", id="no duration"),
        pytest.param(["--name", ""], "--name ''", id="no name"),
        pytest.param(["--name", "a=b"], "no comma and no equals sign", id="a name that is two"),
        pytest.param(
            ["--election-timeout", "50001"], "at most 50000 ms", id="an election that takes a minute"
        ),
    ],
)
def test_refusals(flags: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is anybody's member."""
    monkeypatch.setattr(command, "end_at_ctrl_c", lambda: None)
    monkeypatch.setattr("kube.base.logging.configure", lambda **_: None)
    done = CliRunner().invoke(member, [*flags, "--data-dir", str(tmp_path / "data")])
    assert isinstance(done.exception, CommandError | SystemExit)
    assert reason in done.output
    assert not (tmp_path / "data").exists()


async def test_it_compacts_limits_and_tells_of_itself(tmp_path: Path) -> None:
    url = "http://127.0.0.1:0"
    process = kube(
        tmp_path,
        *("store", "member", "--output", "json", "--listen-peer-urls", url, "--listen-client-urls", url),
        *("--listen-metrics-urls", url, "--auto-compaction-retention", "1s", "--max-request-bytes", "100"),
    )
    try:
        facts = json.loads(said(process, r"^\{.*\}$")[0])
        etcdctl = Etcdctl(etcdctl_binary("3.5"), facts["endpoints"][0])
        assert "request is too large" in (await etcdctl("put", "k", "v" * 200)).err
        async with asyncio.timeout(20):
            await etcdctl("put", "k", "1")
            while "has been compacted" not in (await etcdctl("get", "k", "--rev", "2")).err:
                await etcdctl("put", "k", "2")
        with urllib.request.urlopen(f"{facts['metrics'][0]}/health", timeout=10) as answer:  # noqa: ASYNC210  # nobody else is here
            assert json.load(answer) == {"health": "true", "reason": ""}
    finally:
        code = interrupt(process)
    assert code == 0
