"""Compaction by itself, as etcd's --auto-compaction-mode: the history of the last hours, or the last so many revisions, is kept."""

from collections import deque
from typing import Final

from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.store.administration import AdministeredStore
from kube.store.errors import CompactedError, StoreError

REVISION_PERIOD: Final = 300.0
"""Seconds between two looks of mode "revision"."""
_SAMPLES: Final = 10
"""Looks within a period of mode "periodic"."""
_MAX_INTERVAL: Final = 3600.0


async def compact_periodically(store: AdministeredStore, clock: Clock, period: float) -> None:
    """Forever: keep what was current within the last ``period`` seconds. It runs at any number of members; the first that compacts wins."""
    interval = min(period, _MAX_INTERVAL)
    samples: deque[tuple[float, int]] = deque()
    due = clock.monotonic() + period
    while True:
        samples.append((clock.monotonic(), await _revision(store)))
        await clock.sleep(interval / _SAMPLES)
        now = clock.monotonic()
        if now < due:
            continue
        revision = 0
        while samples and samples[0][0] <= now - period:
            revision = samples.popleft()[1]
        await _compact(store, revision)
        due = now + interval


async def compact_revisions(store: AdministeredStore, clock: Clock, retention: int) -> None:
    """Forever: keep the last ``retention`` revisions."""
    while True:
        await clock.sleep(REVISION_PERIOD)
        await _compact(store, await _revision(store) - retention)


async def _revision(store: AdministeredStore) -> int:
    """0 where no member runs that could tell: there is nothing to compact, until one does."""
    try:
        return (await store.status()).revision
    except StoreError:
        return 0


async def _compact(store: AdministeredStore, revision: int) -> None:
    if revision <= 0:
        return
    try:
        if revision > (await store.status()).compact_revision:
            await store.compact(revision)
    except CompactedError:
        return  # somebody else was faster
    except StoreError as error:
        get_logger(__name__).warning("auto-compaction failed", revision=revision, error=error.message)
