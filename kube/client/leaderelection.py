"""Leader election: of those who name a Lease, one holds it.

Semantics: client-go's ``tools/leaderelection`` over a ``coordination.k8s.io/v1`` Lease. Timestamps in the Lease are
never compared with anybody's clock: a candidate sees that the Lease changes, and by its own clock how long ago.
That does not fence: for a moment two may believe that they lead.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kube.api.types.coordination_v1 import Lease, LeaseSpec
from kube.apimachinery.errors import ApiError, is_not_found
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.time import micro_from_seconds
from kube.base.chance import Chance
from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.base.timers import Timers
from kube.client.events import NORMAL, EventRecorder
from kube.client.typed import TypedClient

JITTER: Final = 1.2


class ElectionConfig(Struct, frozen=True):
    """Seconds. A candidate takes over what was not renewed for ``lease_duration``; a leader that could not renew for
    ``renew_deadline`` gives up; both try every ``retry_period`` (a candidate up to 2.2 times as long).
    """

    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    release_on_cancel: bool = True

    def __post_init__(self) -> None:
        if self.lease_duration <= self.renew_deadline:
            raise ValueError("leaseDuration must be greater than renewDeadline")
        if self.renew_deadline <= JITTER * self.retry_period:
            raise ValueError("renewDeadline must be greater than retryPeriod*JitterFactor")
        if self.lease_duration < 1 or self.renew_deadline <= 0 or self.retry_period <= 0:
            raise ValueError("leaseDuration, renewDeadline and retryPeriod must be greater than zero")


class Candidate:
    """What one candidate has seen of the Lease, and what it would write. Pure: ``now`` is the wall clock (for what is
    written), ``elapsed`` a monotonic reading (for what is decided).
    """

    def __init__(self, identity: str, config: ElectionConfig) -> None:
        if not identity:
            raise ValueError("Lock identity is empty")
        self.identity = identity
        self.lease: Lease | None = None
        self._config = config
        self._seen_at = 0.0

    @property
    def leader(self) -> str:
        """Who held the Lease when it was last seen; empty for nobody."""
        return (self.lease.spec.holder_identity or "") if self.lease is not None else ""

    @property
    def is_leader(self) -> bool:
        return self.leader == self.identity

    def holds(self, elapsed: float) -> bool:
        """Whether the Lease, as far as this candidate knows, has not run out."""
        duration = (self.lease.spec.lease_duration_seconds or 0) if self.lease is not None else 0
        return self._seen_at + duration > elapsed

    def read(self, lease: Lease, elapsed: float) -> None:
        """The Lease was read: its time counts from when it was seen to change."""
        if self.lease is None or self.lease.spec != lease.spec:
            self._seen_at = elapsed
        self.lease = lease

    def wrote(self, lease: Lease, elapsed: float) -> None:
        self.lease = lease
        self._seen_at = elapsed

    def may_take(self, elapsed: float) -> bool:
        return not self.leader or self.is_leader or not self.holds(elapsed)

    def claim(self, now: float) -> LeaseSpec:
        """What to write to hold the Lease: a renewal keeps when it was acquired, another holder is one transition."""
        moment = micro_from_seconds(now)
        seen = self.lease.spec if self.lease is not None else None
        acquired, transitions = moment, 0
        if seen is not None and self.is_leader:
            acquired, transitions = seen.acquire_time or moment, seen.lease_transitions or 0
        elif seen is not None:
            transitions = (seen.lease_transitions or 0) + 1
        return LeaseSpec(
            holder_identity=self.identity,
            lease_duration_seconds=int(self._config.lease_duration),
            acquire_time=acquired,
            renew_time=moment,
            lease_transitions=transitions,
        )

    def resignation(self, now: float) -> LeaseSpec:
        """What to write to let the next one in at once."""
        moment = micro_from_seconds(now)
        seen = self.lease.spec if self.lease is not None else LeaseSpec()
        return LeaseSpec(
            holder_identity="",
            lease_duration_seconds=1,
            acquire_time=moment,
            renew_time=moment,
            lease_transitions=seen.lease_transitions or 0,
        )


class LeaderElector:
    """Runs for the Lease ``namespace/name``; ``identity`` must be unique among the candidates."""

    def __init__(
        self,
        client: TypedClient,
        clock: Clock,
        chance: Chance,
        *,
        name: str,
        identity: str,
        namespace: str = "kube-system",
        config: ElectionConfig | None = None,
        recorder: EventRecorder | None = None,
        on_new_leader: Callable[[str], None] | None = None,
    ) -> None:
        self._config = config if config is not None else ElectionConfig()
        self._candidate = Candidate(identity, self._config)
        self._client = client
        self._clock = clock
        self._chance = chance
        self._name = name
        self._namespace = namespace
        self._recorder = recorder
        self._on_new_leader = on_new_leader
        self._reported = ""
        self._log = get_logger(__name__).bind(lease=f"{namespace}/{name}", identity=identity)

    @property
    def leader(self) -> str:
        """The identity of the last leader seen; empty for nobody."""
        return self._candidate.leader

    @property
    def is_leader(self) -> bool:
        return self._candidate.is_leader

    async def run(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait until elected, then run ``lead`` until it ends or the Lease is lost.

        ``lead`` has ended, by itself or by cancellation, before the Lease is released and before this returns. What it
        raises is raised. Cancel to stand down.
        """
        async with TaskOwner(f"election {self._name}", on_error=lambda *_: None) as tasks:
            timers = Timers(self._clock, tasks)
            await self._acquire(timers, tasks)
            self._say("became leader")
            leading = tasks.start(lead(), name="lead")
            renewing = tasks.start(self._renew(timers, tasks), name="renew")
            try:
                await _first_of(leading, renewing)
            finally:
                await _end(leading)
                await _end(renewing)
                self._say("stopped leading")
                if self._config.release_on_cancel:
                    await self._bounded(self._release(), self._config.retry_period, timers, tasks)
            for task in (leading, renewing):
                if not task.cancelled():
                    task.result()

    async def _acquire(self, timers: Timers, tasks: TaskOwner) -> None:
        while not await self._try(timers, tasks, self._config.renew_deadline):
            await self._clock.sleep(self._config.retry_period * (1 + self._chance.random() * JITTER))

    async def _renew(self, timers: Timers, tasks: TaskOwner) -> None:
        """Returns when the Lease could not be renewed in time."""
        while True:
            await self._clock.sleep(self._config.retry_period)
            deadline = self._clock.monotonic() + self._config.renew_deadline
            while not await self._try(timers, tasks, deadline - self._clock.monotonic()):
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    self._log.warning("lease lost")
                    return
                await self._clock.sleep(min(self._config.retry_period, left))

    async def _try(self, timers: Timers, tasks: TaskOwner, seconds: float) -> bool:
        """Acquire or renew once, within so many seconds."""
        done = await self._bounded(self._acquire_or_renew(), seconds, timers, tasks)
        self._report()
        return done

    async def _bounded(
        self, work: Coroutine[Any, Any, bool], seconds: float, timers: Timers, tasks: TaskOwner
    ) -> bool:
        """What ``work`` returns, or False when it takes longer than so many seconds."""
        attempt = tasks.start(work, name="try")
        timer = timers.after(seconds, attempt.cancel)
        try:
            await asyncio.gather(attempt, return_exceptions=True)
        finally:
            timer.cancel()
        return False if attempt.cancelled() else attempt.result()

    async def _acquire_or_renew(self) -> bool:
        candidate = self._candidate
        try:
            if candidate.is_leader and candidate.holds(self._clock.monotonic()) and await self._update():
                return True
            try:
                lease = await self._client.get(Lease, self._name, namespace=self._namespace)
            except ApiError as error:
                if not is_not_found(error):
                    raise
                return await self._create()
            candidate.read(lease, self._clock.monotonic())
            return candidate.may_take(self._clock.monotonic()) and await self._update()
        except ApiError as error:
            self._log.info("lease neither acquired nor renewed", error=str(error))
            return False

    async def _create(self) -> bool:
        self._candidate.lease = None
        lease = Lease(
            metadata=ObjectMeta(name=self._name, namespace=self._namespace),
            spec=self._candidate.claim(self._clock.now()),
        )
        self._candidate.wrote(await self._client.create(lease), self._clock.monotonic())
        return True

    async def _update(self) -> bool:
        """Whether the Lease was still the one that was last seen."""
        seen = self._candidate.lease
        assert seen is not None
        try:
            lease = await self._client.update(replace(seen, spec=self._candidate.claim(self._clock.now())))
        except ApiError as error:
            self._log.info("lease not updated", error=str(error))
            return False
        self._candidate.wrote(lease, self._clock.monotonic())
        return True

    async def _release(self) -> bool:
        """Give the Lease up if it is still held."""
        candidate = self._candidate
        try:
            lease = await self._client.get(Lease, self._name, namespace=self._namespace)
            candidate.read(lease, self._clock.monotonic())
            if candidate.is_leader:
                spec = candidate.resignation(self._clock.now())
                lease = await self._client.update(replace(lease, spec=spec))
                candidate.wrote(lease, self._clock.monotonic())
        except ApiError as error:
            self._log.warning("lease not released", error=str(error))
            return False
        self._report()
        return True

    def _report(self) -> None:
        leader = self._candidate.leader
        if leader != self._reported:
            self._reported = leader
            self._log.info("new leader", leader=leader)
            if self._on_new_leader is not None:
                self._on_new_leader(leader)

    def _say(self, what: str) -> None:
        self._log.info(what)
        if self._recorder is not None and self._candidate.lease is not None:
            message = f"{self._candidate.identity} {what}"
            self._recorder.event(self._candidate.lease, NORMAL, "LeaderElection", message)


async def _first_of(*tasks: "asyncio.Task[Any]") -> None:
    """Until one of the tasks has ended, however it has."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(_: object) -> None:
        if not ended.done():
            ended.set_result(None)

    for task in tasks:
        task.add_done_callback(end)
    await ended


async def _end(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
