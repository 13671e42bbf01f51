"""``python -m kube.testing.seeds``: many seeds of the store's simulation, on all cores; ``make sim`` calls it.

Each seed runs twice, in two processes with two PYTHONHASHSEEDs: all that happens must be equal. Exit status 0 when it was, and every promise
held in every run; else 1, with the command that replays each failing seed.
"""

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from msgspec import Struct, field

from kube.testing.elsewhere import Elsewhere
from kube.testing.simulation import Outcome, replay_command, run_seed

BATCH = 25
"""Seeds that a process takes at once."""


class Failure(Struct, frozen=True):
    seed: int
    words: str


class Batch(Struct, frozen=True):
    """``digests``: by seed, of the runs that held; ``again``: how many of them had the same in a second run."""

    ran: int = 0
    again: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()


def run_batch(seeds: Sequence[int], *, judged: bool = True) -> Batch:
    """In this process. ``judged`` False: only for the digests."""
    counts: Counter[str] = Counter()
    digests: dict[int, str] = {}
    failures: list[Failure] = []
    for seed in seeds:
        try:
            outcome: Outcome = run_seed(seed, judged=judged)
        except Exception as error:  # noqa: BLE001  # whatever a run raises is a finding
            notes = "\n".join(getattr(error, "__notes__", ()))
            failures.append(Failure(seed, f"seed {seed}: {type(error).__name__}: {error}\n{notes}"))
        else:
            counts.update(outcome.counts)
            digests[seed] = outcome.digest
    return Batch(len(seeds), 0, dict(counts), digests, tuple(failures))


def run_twice(seeds: Sequence[int], one: Elsewhere, other: Elsewhere) -> Batch:
    """Judged by ``one``, and again by ``other`` for the digests, which must be equal."""
    batch = one.run("run_batch", Batch, [*seeds])
    again = other.run("run_digests", Batch, [*batch.digests])
    differing = [seed for seed, digest in again.digests.items() if digest != batch.digests[seed]]
    failures = [*batch.failures, *again.failures]
    failures += [Failure(seed, difference(seed, one, other)) for seed in differing]
    return Batch(batch.ran, len(again.digests) - len(differing), batch.counts, batch.digests, tuple(failures))


def difference(seed: int, one: Elsewhere, other: Elsewhere) -> str:
    """Where the two runs part, and how to see them."""
    lines = [each.run("run_logged", list[str], seed) for each in (one, other)]
    length = min(map(len, lines))
    at = next((at for at in range(length) if lines[0][at] != lines[1][at]), length)
    words = [f"seed {seed}: runs under two PYTHONHASHSEEDs differ; event {at + 1} is"]
    for each, events in zip((one, other), lines, strict=True):
        event = events[at] if at < len(events) else "none"
        words += [f"under {each.hash_seed}: {event}", replay_command(seed, each.hash_seed)]
    return "\n".join(words)


def run_digests(seeds: Sequence[int]) -> Batch:
    return run_batch(seeds, judged=False)


def run_logged(seed: int) -> list[str]:
    """Every event as a line, up to where the run fails, if it does."""
    lines: list[str] = []
    try:
        run_seed(seed, lines.append)
    except Exception as error:  # noqa: BLE001  # the last event
        lines.append(f"{type(error).__name__}: {error}")
    return lines


def run_many(first: int, seeds: int, jobs: int, hash_seeds: tuple[int, int]) -> Iterator[Batch]:
    """Batches as they are done, in no order."""
    portions = [range(at, min(at + BATCH, first + seeds)) for at in range(first, first + seeds, BATCH)]
    pairs = [tuple(Elsewhere(hash_seed) for hash_seed in hash_seeds) for _ in range(min(jobs, len(portions)))]
    free = list(pairs)

    def run(portion: range) -> Batch:
        one, other = free.pop()
        try:
            return run_twice(portion, one, other)
        finally:
            free.append((one, other))

    try:
        with ThreadPoolExecutor(len(pairs)) as pool:
            futures: list[Future[Batch]] = [pool.submit(run, portion) for portion in portions]
            for future in as_completed(futures):
                yield future.result()
    finally:
        for pair in pairs:
            for each in pair:
                each.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kube.testing.seeds", description=__doc__)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at work at once")
    parser.add_argument(
        "--hash-seeds", type=int, nargs=2, default=(0, 1), help="the two PYTHONHASHSEEDs (default: 0 1)"
    )
    parser.add_argument("--log", action="store_true", help="with one seed: every event, as a line")
    options = parser.parse_args(arguments)
    if options.log and options.seeds == 1:
        logging.getLogger("kube").setLevel(logging.CRITICAL + 1)  # crashes are events
        outcome = run_seed(options.first, log=_say)
        _say(
            f"seed {outcome.seed}: {outcome.events} events in {outcome.seconds:.1f} s, digest {outcome.digest}"
        )
        return 0
    ran, again, failed = 0, 0, 0
    counts: Counter[str] = Counter()
    for batch in run_many(options.first, options.seeds, options.jobs, tuple(options.hash_seeds)):
        ran += batch.ran
        again += batch.again
        counts.update(batch.counts)
        for failure in batch.failures:
            failed += 1
            _say(failure.words)
        print(f"\r{ran} of {options.seeds} seeds, {failed} failed", end="", file=sys.stderr, flush=True)  # noqa: T201  # progress, for a person
    print(file=sys.stderr)  # noqa: T201  # the end of the line above
    for name in sorted(counts):
        _say(f"{counts[name]:12,} {name}")
    _say(f"{ran:12,} seeds ran, {failed} failed; {again:,} had the same digest under another PYTHONHASHSEED")
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
