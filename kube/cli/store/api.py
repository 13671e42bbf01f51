"""What ``kube store serve`` and ``kube store member`` have in common: etcd's flags for how its API is served, and what they say."""

import os
import re
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeAlias

import click

from kube.cli.errors import CommandError
from kube.store.urls import Address, AddressError, address_of, checked_url

if TYPE_CHECKING:
    from kube.base.clock import Clock
    from kube.store.administration import AdministeredStore
    from kube.store.etcd_server.server import EtcdServerConfig

KEEPALIVE_INTERVAL: Final = 7_200.0
"""Seconds, for an interval of 0: etcd leaves it to grpc then."""
DEFAULT_URL: Final = "http://127.0.0.1:2379"
_NUMBER: Final = r"(\d+(?:\.\d+)?)"
_DURATION: Final = re.compile(rf"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?(?:{_NUMBER}ms)?")
PEM_FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


_API_OPTIONS: Final = (
    click.option(
        "--listen-client-urls",
        default=DEFAULT_URL,
        show_default=True,
        help="Where to serve clients, separated by commas; port 0 picks a free one.",
    ),
    click.option(
        "--advertise-client-urls", help="What the members' list tells clients; by default where it listens."
    ),
    click.option("--cert-file", type=PEM_FILE, help="The certificate for clients, PEM, for https URLs."),
    click.option("--key-file", type=PEM_FILE, help="Its private key, PEM."),
    click.option(
        "--trusted-ca-file",
        type=PEM_FILE,
        help="The authority of clients' certificates, PEM. Who has none of it is not served.",
    ),
    click.option("--client-cert-auth", is_flag=True, help="Insist that --trusted-ca-file is given."),
    click.option(
        "--listen-metrics-urls", default="", help="Where to serve /health, /version and /metrics alone."
    ),
    click.option(
        "--auto-compaction-mode",
        type=click.Choice(["periodic", "revision"]),
        default="periodic",
        show_default=True,
    ),
    click.option(
        "--auto-compaction-retention",
        default="0",
        show_default=True,
        help="How much history to keep: a duration (1h), or with mode revision a number of revisions. 0: all.",
    ),
    click.option(
        "--quota-backend-bytes",
        type=click.IntRange(min=0),
        help="Above this much data only deletions are taken. 0: 2 GiB.",
    ),
    click.option(
        "--max-request-bytes", type=click.IntRange(min=1), help="The largest request; by default 1.5 MiB."
    ),
    click.option(
        "--max-txn-ops",
        type=click.IntRange(min=1),
        help="The most operations of one transaction; by default 128.",
    ),
    click.option(
        "--max-concurrent-streams",
        type=click.IntRange(min=1),
        help="The most calls at a time on one connection; by default 10000.",
    ),
    click.option(
        "--grpc-keepalive-min-time",
        default="5s",
        show_default=True,
        help="A client that asks more often whether the server is there is cut off.",
    ),
    click.option(
        "--grpc-keepalive-interval",
        default="2h",
        show_default=True,
        help="A client that is silent for so long is asked whether it is there.",
    ),
    click.option(
        "--grpc-keepalive-timeout", default="20s", show_default=True, help="How long it has to answer."
    ),
    click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True),
    click.option(
        "--log-level",
        default="warning",
        show_default=True,
        type=click.Choice(["debug", "info", "warning", "error"]),
    ),
)
"""Most are etcd's, for how its API is served from whatever kind of store."""


def api_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add to a command what ``_API_OPTIONS`` has."""
    for option in reversed(_API_OPTIONS):
        command = option(command)
    return command


# ---- what they say


def listen_urls(text: str, flag: str) -> tuple[Address, ...]:
    """``http://host:port``, separated by commas. Raises CommandError."""
    return tuple(address_of(_checked(each.strip(), flag)) for each in text.split(",") if each.strip())


def advertised_urls(flags: dict[str, Any]) -> tuple[str, ...]:
    """What the members' list tells clients; empty: where it listens. Raises CommandError."""
    flag = "--advertise-client-urls"
    given = flags["advertise_client_urls"] or ""
    return tuple(_checked(each.strip(), flag) for each in given.split(",") if each.strip())


def _checked(url: str, flag: str) -> str:
    try:
        return checked_url(url)
    except AddressError as error:
        raise CommandError(f"{flag}: {error}") from None


def client_urls(flags: dict[str, Any]) -> tuple[Address, ...]:
    """Raises CommandError."""
    found = listen_urls(flags["listen_client_urls"], "--listen-client-urls")
    if not found:
        raise CommandError("--listen-client-urls is empty: give http://HOST:PORT")
    return found


def seconds(text: str) -> float:
    """A duration as etcd's flags take it: ``1h30m``, ``1.5s``, ``500ms``; a bare number is hours. Raises CommandError."""
    if text.isdecimal():
        return int(text) * 3600.0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise CommandError(f"{text!r} is no duration: 1h, 30m, 90s, 500ms, or a number of hours")
    hours, minutes, whole, thousandths = (float(each or 0) for each in match.groups())
    return hours * 3600 + minutes * 60 + whole + thousandths / 1000


class Tls(NamedTuple):
    """etcd's --cert-file, --key-file, --trusted-ca-file and --client-cert-auth. As in etcd, who names the authority wants certificates."""

    cert_file: Path | None
    key_file: Path | None
    trusted_ca_file: Path | None
    client_cert_auth: bool

    @classmethod
    def of(cls, flags: dict[str, Any]) -> Self:
        return cls(*(flags[name] for name in cls._fields))

    def check(self, urls: Sequence[Address], flag: str) -> None:
        """Nobody who has given certificates is served in plain text only. Raises CommandError."""
        if any(self) and not any(url.secure for url in urls):
            raise CommandError(f"there are flags for certificates, and {flag} has no https:// in it")

    def context(self, flag: str) -> ssl.SSLContext:
        """Raises CommandError."""
        if self.cert_file is None or self.key_file is None:
            raise CommandError(f"{flag} has https:// in it: give --cert-file and --key-file")
        if self.client_cert_auth and self.trusted_ca_file is None:
            raise CommandError(
                "--client-cert-auth needs --trusted-ca-file: who signs the clients' certificates"
            )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.cert_file, self.key_file)
            if self.trusted_ca_file is not None:
                context.load_verify_locations(self.trusted_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise CommandError(f"the certificates cannot be used: {error}") from None
        if self.trusted_ca_file is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def store_limits(flags: dict[str, Any]) -> dict[str, int]:
    """Those fields of a StoreConfig of which the flags say something."""
    wanted = {
        "quota_bytes": flags["quota_backend_bytes"],
        "max_request_bytes": flags["max_request_bytes"],
        "max_txn_ops": flags["max_txn_ops"],
    }
    return {name: value for name, value in wanted.items() if value}


def server_config(flags: dict[str, Any]) -> "EtcdServerConfig":
    """Raises CommandError."""
    from kube.store.etcd_server.http2.connection import Limits  # noqa: PLC0415  # as above
    from kube.store.etcd_server.server import EtcdServerConfig  # noqa: PLC0415  # as above
    from kube.store.kv import MAX_REQUEST_BYTES, MAX_TXN_OPS  # noqa: PLC0415  # as above

    streams = flags["max_concurrent_streams"] or Limits().max_concurrent_streams
    return EtcdServerConfig(
        limits=Limits(
            max_concurrent_streams=streams, min_ping_interval=seconds(flags["grpc_keepalive_min_time"])
        ),
        max_request_bytes=flags["max_request_bytes"] or MAX_REQUEST_BYTES,
        max_txn_ops=flags["max_txn_ops"] or MAX_TXN_OPS,
        keepalive_interval=seconds(flags["grpc_keepalive_interval"]) or KEEPALIVE_INTERVAL,
        keepalive_timeout=max(1.0, seconds(flags["grpc_keepalive_timeout"])),
    )


def retention(flags: dict[str, Any]) -> float:
    """How much history is kept: seconds, or with mode revision a number of revisions; 0: all. Raises CommandError."""
    wanted = flags["auto_compaction_retention"]
    if flags["auto_compaction_mode"] == "periodic":
        return seconds(wanted)
    if not wanted.isdecimal():
        raise CommandError(f"--auto-compaction-retention {wanted!r}: with mode revision a number is wanted")
    return float(wanted)


def auto_compaction(
    mode: str, kept: float, store: "AdministeredStore", clock: "Clock"
) -> Coroutine[Any, Any, None]:
    """What compacts from here on. ``kept``: see ``retention``, not 0."""
    from kube.store.etcd_server.auto_compaction import compact_periodically, compact_revisions  # noqa: PLC0415  # as above

    if mode == "periodic":
        return compact_periodically(store, clock, kept)
    return compact_revisions(store, clock, int(kept))


# ---- serving

Listen: TypeAlias = Callable[[str, int, ssl.SSLContext | None], Awaitable[tuple[str, int]]]
"""Takes host, port and TLS; gives the host and the port that are listened on."""


async def listen(begin: Listen, urls: Sequence[Address], tls: Tls, flag: str) -> list[str]:
    """The URLs that are served. ``begin``: the server's own. Raises CommandError."""
    served = []
    for url in urls:
        try:
            host, port = await begin(url.host, url.port, tls.context(flag) if url.secure else None)
        except OSError as error:
            number = error.errno or 0
            why = os.strerror(number) if number > 0 else str(error)  # a name's resolution counts below 0
            raise CommandError(
                f"cannot listen at {url.host}:{url.port}: {why}; choose another with {flag}"
            ) from None
        shown = f"[{host}]" if ":" in host else host
        served.append(f"{'https' if url.secure else 'http'}://{shown}:{port}")
    return served
