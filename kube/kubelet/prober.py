"""Probes: when each is due, and what a run of results means. Pure.

Semantics: pkg/kubelet/prober/worker.go: a container is unready and unstarted until its probe succeeds, and alive until it
fails ``failureThreshold`` times in a row; liveness and readiness wait for startup; after a failed liveness or startup probe
nothing is probed until the container is replaced.
"""

from typing import Final, Literal

from msgspec import Struct

from kube.api.types.core_v1 import Container, Probe
from kube.kubelet.pod_actions import Health

Kind = Literal["Liveness", "Readiness", "Startup"]
FAILED: Final[dict[Kind, str]] = {
    "Liveness": "failed liveness probe",
    "Startup": "failed startup probe",
}


class Prober(Struct):
    """One probe of one run of a container. ``due`` is the wall time of its next try."""

    kind: Kind
    probe: Probe
    due: float
    good: bool
    in_a_row: int = 0
    last: bool | None = None
    on_hold: bool = False

    def record(self, success: bool, now: float) -> bool:
        """Take a result; returns whether ``good`` has changed."""
        if success is self.last:
            self.in_a_row += 1
        else:
            self.last = success
            self.in_a_row = 1
        period = self.probe.period_seconds or DEFAULT_PERIOD
        self.due += period
        if self.due <= now:
            self.due = now + period
        threshold = (self.probe.success_threshold if success else self.probe.failure_threshold) or 1
        if self.in_a_row < threshold:
            return False
        if not success and self.kind in FAILED:
            self.on_hold = True
            self.in_a_row = 0
        changed = self.good is not success or self.on_hold
        self.good = success
        return changed


DEFAULT_PERIOD: Final = 10
IMPLIED_READINESS: Final = Probe(period_seconds=1, failure_threshold=1, success_threshold=1)
"""For containers without a readiness probe whose readiness the runtime knows by other means."""


class ContainerProbes:
    """The probes of one run of a container, from ``started_at`` on."""

    __slots__ = ("probers",)

    def __init__(self, container: Container, started_at: float, *, implied_readiness: bool = False) -> None:
        readiness = container.readiness_probe or (IMPLIED_READINESS if implied_readiness else None)
        kinds: tuple[tuple[Kind, Probe | None, bool], ...] = (
            ("Startup", container.startup_probe, False),
            ("Liveness", container.liveness_probe, True),
            ("Readiness", readiness, False),
        )
        self.probers = tuple(
            Prober(kind, probe, started_at + probe.initial_delay_seconds, good)
            for kind, probe, good in kinds
            if probe is not None
        )

    @property
    def started(self) -> bool:
        return all(prober.good for prober in self.probers if prober.kind == "Startup")

    @property
    def ready(self) -> bool:
        return self.started and all(prober.good for prober in self.probers if prober.kind == "Readiness")

    @property
    def health(self) -> Health:
        for prober in self.probers:
            if prober.on_hold:
                return Health(self.started, FAILED[prober.kind])
        return Health(self.started)

    def active(self) -> tuple[Prober, ...]:
        """Those that take turns now: startup alone until it has succeeded, the others after that; none on hold."""
        if any(prober.on_hold for prober in self.probers):
            return ()
        started = self.started
        return tuple(prober for prober in self.probers if (prober.kind == "Startup") is not started)

    def next_due(self) -> float | None:
        return min((prober.due for prober in self.active()), default=None)


def has_probes(container: Container) -> bool:
    return bool(container.readiness_probe or container.liveness_probe or container.startup_probe)
