"""``python -m kube.testing.seeds``: many seeds of the store's simulation, on all cores; ``make sim`` calls it.

Exit status 0 when every promise held in every run, else 1, with the command that replays each failing seed.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from msgspec import Struct

from kube.testing.simulation import Outcome, run_seed

BATCH = 25
"""Seeds that a process takes at once."""


class Failure(Struct, frozen=True):
    seed: int
    words: str


class Batch(Struct, frozen=True):
    """``digests``: of the runs that held, in order of their seeds."""

    ran: int
    counts: dict[str, int]
    digests: tuple[str, ...]
    failures: tuple[Failure, ...]


def run_batch(seeds: Sequence[int]) -> Batch:
    counts: Counter[str] = Counter()
    digests: list[str] = []
    failures: list[Failure] = []
    for seed in seeds:
        try:
            outcome: Outcome = run_seed(seed)
        except Exception as error:  # noqa: BLE001  # whatever a run raises is a finding
            notes = "\n".join(getattr(error, "__notes__", ()))
            failures.append(Failure(seed, f"seed {seed}: {type(error).__name__}: {error}\n{notes}"))
        else:
            counts.update(outcome.counts)
            digests.append(outcome.digest)
    return Batch(len(seeds), dict(counts), tuple(digests), tuple(failures))


def run_many(first: int, seeds: int, jobs: int) -> Iterator[Batch]:
    """Batches as they are done, in no order."""
    portions = [range(at, min(at + BATCH, first + seeds)) for at in range(first, first + seeds, BATCH)]
    if jobs == 1 or len(portions) == 1:
        yield from map(run_batch, portions)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures: list[Future[Batch]] = [pool.submit(run_batch, portion) for portion in portions]
        for future in as_completed(futures):
            yield future.result()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kube.testing.seeds", description=__doc__)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--log", action="store_true", help="with one seed: every event, as a line")
    options = parser.parse_args(arguments)
    if options.log and options.seeds == 1:
        outcome = run_seed(options.first, log=_say)
        _say(
            f"seed {outcome.seed}: {outcome.events} events in {outcome.seconds:.1f} s, digest {outcome.digest}"
        )
        return 0
    ran, failed = 0, 0
    counts: Counter[str] = Counter()
    for batch in run_many(options.first, options.seeds, options.jobs):
        ran += batch.ran
        counts.update(batch.counts)
        for failure in batch.failures:
            failed += 1
            _say(failure.words)
        print(f"\r{ran} of {options.seeds} seeds, {failed} failed", end="", file=sys.stderr, flush=True)  # noqa: T201  # progress, for a person
    print(file=sys.stderr)  # noqa: T201  # the end of the line above
    for name in sorted(counts):
        _say(f"{counts[name]:12,} {name}")
    _say(f"{ran:12,} seeds ran, {failed} failed")
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
