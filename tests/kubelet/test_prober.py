"""Probes: thresholds, order and timing."""

import pytest

from kube.api.types.core_v1 import Container, Probe
from kube.kubelet.prober import ContainerProbes, Prober

THRICE = Probe(period_seconds=5, success_threshold=2, failure_threshold=3)


@pytest.mark.parametrize(
    ("kind", "good", "results", "expected"),
    [
        ("Readiness", False, [True], False),
        ("Readiness", False, [True, True], True),
        ("Readiness", False, [True, False, True], False),
        ("Readiness", True, [False, False], True),
        ("Readiness", True, [False, False, False], False),
        ("Liveness", True, [False, False, True, False, False], True),
        ("Liveness", True, [False, False, False], False),
    ],
)
def test_thresholds_count_results_in_a_row(kind, good, results, expected):
    prober = Prober(kind, THRICE, 0.0, good)
    for number, result in enumerate(results):
        prober.record(result, number * 5.0)
    assert prober.good is expected
    assert prober.on_hold is (kind == "Liveness" and not expected)


def test_it_is_due_once_a_period_whatever_was_missed():
    prober = Prober("Readiness", THRICE, 10.0, good=False)
    prober.record(success=True, now=10.0)
    assert prober.due == 15.0
    prober.record(success=True, now=33.0)
    assert prober.due == 38.0


def test_startup_comes_first_and_then_the_others():
    probe = Probe(period_seconds=1, failure_threshold=1, success_threshold=1)
    container = Container(name="a", startup_probe=probe, liveness_probe=probe, readiness_probe=probe)
    probes = ContainerProbes(container, 100.0)
    [startup] = probes.active()
    assert (startup.kind, probes.started, probes.ready) == ("Startup", False, False)
    startup.record(success=True, now=100.0)
    assert [prober.kind for prober in probes.active()] == ["Liveness", "Readiness"]
    assert probes.started
    assert not probes.ready


def test_after_a_fatal_failure_nothing_is_probed():
    probe = Probe(period_seconds=1, failure_threshold=1, success_threshold=1)
    probes = ContainerProbes(Container(name="a", liveness_probe=probe, readiness_probe=probe), 0.0)
    probes.active()[0].record(success=False, now=0.0)
    assert probes.active() == ()
    assert probes.next_due() is None
    assert probes.health.failed == "failed liveness probe"


def test_the_first_try_is_after_the_initial_delay():
    probe = Probe(initial_delay_seconds=7, period_seconds=1)
    assert ContainerProbes(Container(name="a", readiness_probe=probe), 100.0).next_due() == 107.0
