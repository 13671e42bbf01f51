"""Seeded runs of a whole Raft cluster on a hostile network, with Raft's properties checked after every step.

SIM_SEEDS says how many seeds run (default 200), SIM_FIRST where they start. A failing seed is replayed by
``SIM_FIRST=<seed> SIM_SEEDS=1 pytest tests/store/raft/test_simulation.py``.
"""

import os
from collections import Counter

from tests.store.raft.hostile import Simulation, hard_states

SEEDS = int(os.environ.get("SIM_SEEDS", "200"))
FIRST = int(os.environ.get("SIM_FIRST", "1"))
STEPS = 400

OFTEN = (
    *("cut", "lost", "duplicated", "reordered", "partition", "two leaders", "slow disk", "sent early"),
    *("crash", "crash before persist", "crash before send", "input while a Ready is outstanding"),
    *("compaction", "snapshot", "proposals", "committed", "reads", "terms", "proposal dropped", "transfer"),
    *("change", "change refused", "learners", "joint configuration", "snapshot of another configuration"),
)
"""What happens at least once in five seeds."""
SELDOM = (
    *("crash in a joint configuration", "snapshot in a joint configuration"),
    "restart in a joint configuration",
)
"""What happens at least once in 50 seeds."""


def test_raft_keeps_its_promises_on_a_hostile_network() -> None:
    total: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + SEEDS):
        simulation = Simulation(seed)
        try:
            for _ in range(STEPS):
                simulation.step()
            simulation.heal()
        except Exception as error:
            error.add_note(f"replay: SIM_FIRST={seed} SIM_SEEDS=1 pytest tests/store/raft/test_simulation.py")
            raise
        total += simulation.faults
        total["proposals"] += simulation.proposals
        total["committed"] += len(simulation.seen.committed)
        total["reads"] += simulation.reads_answered
        total["terms"] += len(simulation.seen.leaders)
    if SEEDS >= 100:
        for kinds, often in ((OFTEN, 5), (SELDOM, 50)):
            for kind in kinds:
                assert total[kind] > SEEDS / often, f"{kind} happened {total[kind]} times in {SEEDS} seeds"


def test_a_seed_gives_the_same_run_each_time() -> None:
    def trace(seed: int) -> tuple[object, ...]:
        simulation = Simulation(seed)
        for _ in range(STEPS):
            simulation.step()
        seen = simulation.seen
        return (
            seen.committed,
            seen.confs,
            seen.leaders,
            simulation.faults,
            seen.votes,
            hard_states(simulation),
        )

    assert trace(7) == trace(7)
