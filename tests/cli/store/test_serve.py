"""``kube store serve`` as a user meets it, in a process of its own."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kube.cli.errors import CommandError
from kube.cli.store.api import listen_urls, seconds
from kube.store.urls import Address
from tests.e2e.harness import REPOSITORY, interrupt, kube, said
from tests.store.etcd_server.certificates import Authority
from tests.store.etcd_server.conftest import Etcdctl, etcdctl_binary


@contextmanager
def serving(home: Path, *arguments: str, url: str = "http://127.0.0.1:0") -> Iterator[dict[str, object]]:
    """What it has announced. It ends well."""
    command = ("store", "serve", "--listen-client-urls", url, "--output", "json")
    process = kube(home, *command, *arguments)
    try:
        yield json.loads(said(process, r"^\{.*\}$")[0])
    finally:
        code = interrupt(process)
    assert code == 0


def refusal(*arguments: str, module: str = "") -> str:
    """The one line with which it refuses. ``module``: what is not installed."""
    script = f"import sys\nsys.modules[{module!r}] = None\nfrom kube.cli.main import main\nmain()"
    command = [sys.executable, "-c", script] if module else [sys.executable, "-m", "kube.cli.main"]
    done = subprocess.run(
        [*command, "store", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


async def test_what_is_written_is_there_at_the_next_start(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    for wanted in ("", "k\nv\n"):
        with serving(tmp_path, "--data-dir", data) as facts:
            [endpoint] = facts["endpoints"]  # type: ignore[misc]  # a list of one
            assert (facts["dataDir"], facts["replicas"]) == (data, 1)
            etcdctl = Etcdctl(etcdctl_binary("3.5"), endpoint)
            assert (await etcdctl("member", "list")).out == f"1, started, default-1, , {endpoint}, false\n"
            assert (await etcdctl("get", "k")).out == wanted
            assert (await etcdctl("put", "k", "v")).out == "OK\n"


def test_pages_on_a_port_of_their_own(tmp_path: Path) -> None:
    with serving(tmp_path, "--listen-metrics-urls", "http://127.0.0.1:0", "--replicas", "3") as facts:
        [url] = facts["metrics"]  # type: ignore[misc]  # as above
        with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:
            assert json.load(answer) == {"health": "true", "reason": ""}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            ["--listen-client-urls", "localhost:1"],
            "--listen-client-urls: 'localhost:1' is not a URL: http://HOST:PORT",
            id="no URL",
        ),
        pytest.param(
            ["--listen-client-urls", "https://127.0.0.1:0"],
            "give --cert-file and --key-file",
            id="no certificate",
        ),
        pytest.param(
            ["--listen-client-urls", "http://203.0.113.1:1"],
            "cannot listen at 203.0.113.1:1: Cannot assign requested address; choose another with --listen-client-urls",
            id="somebody else's address",
        ),
        pytest.param(
            ["--auto-compaction-retention", "often"], "'often' is no duration: 1h", id="no duration"
        ),
        pytest.param(
            ["--auto-compaction-mode", "revision", "--auto-compaction-retention", "1h"],
            "'1h': with mode revision a number is wanted",
            id="no number",
        ),
        pytest.param(
            ["--grpc-keepalive-min-time", "soon"], "'soon' is no duration", id="no duration between pings"
        ),
        pytest.param(["--replicas", "2"], "'2' is not one of '1', '3', '5'", id="even replicas"),
        pytest.param(["--listen-client-urls", ""], "is empty: give http://HOST:PORT", id="nowhere"),
        pytest.param(
            ["--client-cert-auth"],
            "there are flags for certificates, and --listen-client-urls has no https:// in it",
            id="certificates for plain text",
        ),
        pytest.param(
            ["--advertise-client-urls", "me"],
            "--advertise-client-urls: 'me' is not a URL",
            id="no URL to tell",
        ),
        pytest.param(["--cert-file", "nowhere"], "'nowhere' does not exist", id="no file"),
    ],
)
def test_refusals(arguments: list[str], line: str) -> None:
    free = [] if "--listen-client-urls" in arguments else ["--listen-client-urls", "http://127.0.0.1:0"]
    assert line in refusal(*arguments, *free)


async def test_tls(tmp_path: Path) -> None:
    """With the flags of etcd, and a loop that is not asyncio's own."""
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.pair("server")
    flags = [
        "--cert-file",
        str(certificate),
        "--key-file",
        str(key),
        "--trusted-ca-file",
        str(authority.file),
    ]
    with serving(tmp_path, *flags, "--client-cert-auth", url="https://127.0.0.1:0") as facts:
        [endpoint] = facts["endpoints"]  # type: ignore[misc]  # as above
        certificate, key = authority.pair("client")
        ca, pair = ["--cacert", str(authority.file)], ["--cert", str(certificate), "--key", str(key)]
        assert (await Etcdctl(etcdctl_binary("3.5"), endpoint, *ca, *pair)("put", "k", "v")).out == "OK\n"
        stranger = Etcdctl(etcdctl_binary("3.5"), endpoint, *ca, "--command-timeout=1s", "--dial-timeout=1s")
        assert (await stranger("get", "k")).code == 1


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    pair = ["--cert-file", str(tmp_path / "x"), "--key-file", str(tmp_path / "x")]
    assert "the certificates cannot be used" in refusal("--listen-client-urls", "https://127.0.0.1:0", *pair)


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    line = refusal(module="google.protobuf")
    assert line == "Error: etcd's gRPC API needs protobuf: pip install 'kube-actors[etcd]'"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1h", 3600),
        ("90s", 90),
        ("1h30m", 5400),
        ("2", 7200),
        ("0", 0),
        ("10m5s", 605),
        ("1.5h", 5400),
        ("1s500ms", 1.5),
    ],
)
def test_durations(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "h", "1x", "-1h", "1.h", "\u00b2", "5ms1s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(CommandError, match="no duration"):
        seconds(text)


def test_urls() -> None:
    found = listen_urls("http://127.0.0.1:1, https://[::1]:2", "--flag")
    assert found == (Address(False, "127.0.0.1", 1), Address(True, "::1", 2))
