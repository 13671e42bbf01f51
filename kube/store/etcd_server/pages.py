"""What etcd serves over plain HTTP beside gRPC: health, version, and metrics in Prometheus' text format."""

import json
import mmap
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from kube.store.administration import AdministeredStore
from kube.store.errors import StoreError
from kube.store.etcd_server.http1 import Page
from kube.store.etcd_server.maintenance_service import SERVER_VERSION
from kube.store.kv import StoreStatus

_STATM: Final = Path("/proc/self/statm")
_METRICS: Final[tuple[tuple[str, str, str, Callable[[StoreStatus], int]], ...]] = (
    ("etcd_server_has_leader", "gauge", "Whether a leader exists.", lambda status: int(status.leader != 0)),
    (
        "etcd_server_is_leader",
        "gauge",
        "Whether this member leads.",
        lambda status: int(status.leader == status.member),
    ),
    ("etcd_server_is_learner", "gauge", "Whether this member learns.", lambda status: int(status.is_learner)),
    (
        "etcd_server_proposals_applied_total",
        "gauge",
        "Entries of the log that are applied.",
        lambda status: status.raft_applied_index,
    ),
    ("etcd_mvcc_db_total_size_in_bytes", "gauge", "Bytes held.", lambda status: status.db_size),
    (
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "gauge",
        "Bytes of the live keys.",
        lambda status: status.db_size_in_use,
    ),
    ("etcd_debugging_mvcc_keys_total", "gauge", "Live keys.", lambda status: status.keys),
    ("etcd_debugging_mvcc_current_revision", "gauge", "The revision.", lambda status: status.revision),
    (
        "etcd_debugging_mvcc_compact_revision",
        "gauge",
        "The compacted revision.",
        lambda status: status.compact_revision,
    ),
)
"""etcd's own names, with the type, help and source of each."""


def pages(store: AdministeredStore) -> dict[str, Callable[[], Awaitable[Page]]]:
    """Path to what makes the page."""
    return {
        "/health": partial(_health, store),
        "/version": _version,
        "/metrics": partial(_metrics, store),
    }


def _json(status: HTTPStatus, value: Any) -> Page:
    return Page(status, "application/json", json.dumps(value, separators=(",", ":")).encode())


async def _health(store: AdministeredStore) -> Page:
    """Healthy is who can read what was acknowledged, and has no alarm raised."""
    try:
        alarms = await store.alarms()
        await store.current_revision()
    except StoreError as error:
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"health": "false", "reason": error.message})
    if alarms:
        reason = f"ALARM {alarms[0].type.name}"
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"health": "false", "reason": reason})
    return _json(HTTPStatus.OK, {"health": "true", "reason": ""})


async def _version() -> Page:
    cluster = ".".join([*SERVER_VERSION.split(".")[:2], "0"])
    return _json(HTTPStatus.OK, {"etcdserver": SERVER_VERSION, "etcdcluster": cluster})


async def _metrics(store: AdministeredStore) -> Page:
    try:
        status = await store.status()
    except StoreError as error:
        return Page(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", error.message.encode())
    lines = [
        f"# HELP {name} {text}\n# TYPE {name} {kind}\n{name} {read(status)}\n"
        for name, kind, text, read in _METRICS
    ]
    return Page(
        HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", "".join([*lines, *_process()]).encode()
    )


def _process() -> list[str]:
    """The memory of the process, which ``etcdctl check datascale`` asks for; where the system tells it as Linux does."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:
        return []
    size = pages * mmap.PAGESIZE
    name = "process_resident_memory_bytes"
    return [f"# HELP {name} Resident memory size in bytes.\n# TYPE {name} gauge\n{name} {size}\n"]
