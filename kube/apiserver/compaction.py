"""Compaction of the store's history, by age or by size (k8s.io/apiserver/pkg/storage/etcd3/compact.go).

By age in two steps: the revision that was seen an interval ago is compacted now, so that every revision stays readable
for at least one interval and at most two. Of several API servers over one store each does so, and the last one to come
finds it done.
"""

from typing import Final

from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.store.errors import CompactedError, StoreError
from kube.store.kv import Store

log = get_logger(__name__)

INTERVAL_SECONDS: Final = 300.0
"""Upstream's --etcd-compaction-interval."""
CHECK_SECONDS: Final = 10.0
"""How often the size of the history is looked at."""
MAX_HISTORY_BYTES: Final = 256 * 1024 * 1024


class Compactor:
    """``run`` is for an owned task. Sizes are bytes of superseded versions, as the store counts them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        interval: float = INTERVAL_SECONDS,
        max_history_bytes: int = MAX_HISTORY_BYTES,
    ) -> None:
        self._store = store
        self._clock = clock
        self._interval = interval
        self._max_history_bytes = max_history_bytes
        self._seen = 0
        self._seen_at = clock.monotonic()
        self._last = 0
        """The revision at the last look: what is being read now is not much older."""

    async def run(self) -> None:
        """Compact for ever. What the store refuses is tried again at the next look."""
        while True:
            await self._clock.sleep(min(CHECK_SECONDS, self._interval))
            try:
                await self.check()
            except StoreError as error:
                log.warning("compaction failed", error=str(error))

    async def check(self) -> None:
        """Compact if it is time, or if the history has grown too large. Raises StoreError."""
        due = self._clock.monotonic() - self._seen_at >= self._interval
        status = await self._store.status()
        if status.db_size - status.db_size_in_use > self._max_history_bytes:
            await self._compact(self._last or status.revision)
            log.info("compacted by size", revision=status.revision, history=status.db_size)
        if due:
            if self._seen:
                await self._compact(self._seen)
            self._seen, self._seen_at = status.revision, self._clock.monotonic()
        self._last = status.revision

    async def _compact(self, revision: int) -> None:
        try:
            await self._store.compact(revision)
        except CompactedError:
            log.debug("compacted already", revision=revision)
