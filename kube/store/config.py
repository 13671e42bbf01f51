"""What a store of this process is told when it starts."""

from msgspec import Struct
from msgspec.structs import force_setattr

from kube.store.kv import MAX_REQUEST_BYTES, MAX_TXN_OPS

QUOTA_BYTES = 2 << 30
"""etcd's default. Here it is memory that runs out, so the alarm should come first."""


class StoreConfig(Struct, frozen=True, kw_only=True):
    """``tick`` in seconds of the clock; with ten ticks to an election a stopped leader is replaced in 0.2 to 0.4 s. A single
    replica waits for nobody: its ticks serve leases and compaction only, and may be longer (0: chosen by that).

    ``request_timeout`` in seconds. ``max_in_flight``: requests that may wait for commit; more wait for these. ``quota_bytes``:
    what keys and values with their history may come to; 0: no quota. ``corrupt_check``: seconds between two comparisons of the
    replicas' hashes; 0: none.
    """

    replicas: int = 1
    tick: float = 0.0
    election_ticks: int = 10
    heartbeat_ticks: int = 2
    request_timeout: float = 5.0
    max_request_bytes: int = MAX_REQUEST_BYTES
    max_txn_ops: int = MAX_TXN_OPS
    max_in_flight: int = 5_000
    quota_bytes: int = QUOTA_BYTES
    corrupt_check: float = 600.0
    snapshot_entries: int = 10_000
    catch_up_entries: int = 5_000

    def __post_init__(self) -> None:
        if self.replicas not in {1, 3, 5}:
            raise ValueError(f"a store has 1, 3 or 5 replicas, not {self.replicas}")
        if self.tick <= 0:
            force_setattr(self, "tick", 0.1 if self.replicas == 1 else 0.02)
