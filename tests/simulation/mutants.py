"""Planted bugs: small mutations of the store, each of which the simulation must find.

``python tests/simulation/mutants.py`` (``make mutants``) searches for a seed that finds each and records them in mutants.tsv;
test_mutants.py replays what is recorded. A mutant lives in a process of its own, where an import hook compiles the mutated source: the
tree is never touched.
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).with_name("mutants.tsv")
LIMIT = 2000
"""Seeds within which each must be found."""
FOUND = 3
"""Exit status of a process whose mutant was found."""


@dataclass(frozen=True)
class Mutant:
    """``old`` occurs once in ``file`` (below kube/store); ``promise``: what the mutation breaks."""

    name: str
    file: str
    old: str
    new: str
    promise: str

    def source(self) -> str:
        text = (ROOT / "kube/store" / self.file).read_text()
        if text.count(self.old) != 1:
            raise LookupError(f"{self.name}: {self.old!r} occurs {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)

    @property
    def module(self) -> str:
        return "kube.store." + self.file.removesuffix(".py").replace("/", ".")


MUTANTS = (
    # ---- raft: elections
    Mutant(
        "vote-twice-in-a-term",
        "raft/election.py",
        "raft.vote == message.from_\n",
        "raft.vote != NO_NODE\n",
        "one vote a term, election safety",
    ),
    Mutant(
        "vote-for-a-stale-log",
        "raft/election.py",
        "if can_vote and raft.log.is_up_to_date(message.last_index, message.last_term):",
        "if can_vote:",
        "leader completeness",
    ),
    Mutant(
        "log-compared-by-length",
        "raft/log.py",
        "return term > self.last_term or (term == self.last_term and index >= self.last_index)",
        "return index >= self.last_index",
        "leader completeness",
    ),
    Mutant(
        "minority-elects",
        "raft/quorum.py",
        "if granted >= self.quorum:",
        "if granted >= self.quorum - 1:",
        "election safety",
    ),
    Mutant(
        "vote-not-saved",
        "raft/rawnode.py",
        "voted = raft.term != self._term or raft.vote != self._vote",
        "voted = raft.term != self._term",
        "vote and term survive a restart",
    ),
    Mutant(
        "change-of-members-forgotten-by-a-restart",
        "raft/rawnode.py",
        "self.changed = self._commit < self.raft.log.applied\n",
        "self.changed = False\n",
        "progress once faults stop",
    ),
    # ---- raft: replication and commit
    Mutant(
        "commit-of-an-older-term-by-counting",
        "raft/replication.py",
        "if index <= log.committed or log.term(index) != raft.term:",
        "if index <= log.committed:",
        "only entries of the current term are committed by counting",
    ),
    Mutant(
        "minority-commits",
        "raft/quorum.py",
        "return sorted(acked.values())[-self.quorum]",
        "return sorted(acked.values())[-max(1, self.quorum - 1)]",
        "what is committed is kept by a majority",
    ),
    Mutant(
        "append-without-looking-back",
        "raft/log.py",
        "        if not self.match_term(prev_index, prev_term):\n            return False",
        "        if prev_index > self.last_index:\n            return False",
        "log matching",
    ),
    Mutant(
        "conflict-left-in-place",
        "raft/log.py",
        "if not self.match_term(entry.index, entry.term):",
        "if entry.index > self.last_index:",
        "log matching",
    ),
    Mutant(
        "commit-past-what-matches",
        "raft/reads.py",
        "commit = min(progress.match, raft.log.committed)",
        "commit = raft.log.committed",
        "state machine safety",
    ),
    Mutant(
        "commit-past-the-append",
        "raft/follower.py",
        "commit = message.commit if message.commit < last else last",
        "commit = message.commit",
        "what is committed is there",
    ),
    Mutant(
        "snapshot-keeps-the-log",
        "raft/follower.py",
        "        log.restore(snapshot)\n",
        "        log.commit_to(min(index, log.last_index))\n",
        "snapshot and tail are the full log",
    ),
    # ---- reads
    Mutant(
        "read-index-without-a-majority",
        "raft/reads.py",
        "broadcast_heartbeat(raft, raft.reads.add(asker, context, index, raft.id))",
        "answer_read(raft, PendingRead(asker, context, index, 0))",
        "reads are never stale",
    ),
    Mutant(
        "read-before-the-first-commit-of-a-term",
        "raft/reads.py",
        "if raft.log.term(index) != raft.term:",
        "if False:",
        "reads are never stale",
    ),
    Mutant(
        "read-before-it-is-applied",
        "member.py",
        "ready = [read.context for read in waiting if read.index <= applied]",
        "ready = [read.context for read in waiting]",
        "reads are never stale",
    ),
    Mutant(
        "read-at-a-follower-without-asking",
        "standalone.py",
        "return await self._reads.confirmed(self._patience)",
        "return self._member",
        "reads are never stale",
    ),
    Mutant(
        "read-at-a-leader-that-was-deposed",
        "replicas.py",
        "return member if agreed >= self._quorum else None",
        "return member",
        "reads are never stale",
    ),
    Mutant(
        "leader-serves-before-its-own-entry",
        "member.py",
        "serving_term = raft.term if leads and self.applied_term == raft.term else 0",
        "serving_term = raft.term if leads else 0",
        "reads are never stale",
    ),
    # ---- proposals
    Mutant(
        "retry-applied-twice",
        "proposals.py",
        "lost = [proposal for proposal in self.pending.values() if proposal.term < term]",
        "lost = [proposal for proposal in self.pending.values() if proposal.term <= term]",
        "a request takes effect at most once",
    ),
    Mutant(
        "answer-of-another-entry",
        "member.py",
        "proposal = pending.pop((term, entry.index), None) if pending else None",
        "proposal = pending.pop(next(iter(pending)), None) if pending else None",
        "strict serializability",
    ),
    Mutant(
        "forward-sent-again-when-the-connection-ends",
        "forwarding.py",
        "                proposal.answer(RequestTimeoutError())\n\n    def sweep",
        "                self._known_lost([proposal])\n\n    def sweep",
        "a request takes effect at most once",
    ),
    Mutant(
        "forward-to-a-leader-of-another-term",
        "forwarding.py",
        "if raft.term == forward.term and forward.items:",
        "if forward.items:",
        "a request takes effect at most once",
    ),
    # ---- the key space
    Mutant(
        "revision-of-a-failed-delete",
        "apply.py",
        "        if keys:\n            self.kv.revision += 1\n        return self._delete(keys, prev_kv=op.prev_kv)",
        "        self.kv.revision += 1\n        return self._delete(keys, prev_kv=op.prev_kv)",
        "one revision per change",
    ),
    Mutant(
        "cas-ignores-the-revision",
        "apply.py",
        "if current is None or current.mod_revision != op.mod_revision:",
        "if current is None:",
        "strict serializability",
    ),
    Mutant(
        "version-goes-on-after-a-delete",
        "mvcc/kvstore.py",
        "kv = KeyValue(key, value, revision, revision, 1, lease)",
        "kv = KeyValue(key, value, revision, revision, 1 + (key in self.dead), lease)",
        "versions start again when a key is created anew",
    ),
    Mutant(
        "read-of-the-past-one-too-late",
        "mvcc/kvstore.py",
        "if kv is not None and kv.mod_revision > revision:",
        "if kv is not None and kv.mod_revision > revision + 1:",
        "a read finds what its revision held",
    ),
    Mutant(
        "compacted-revision-refused",
        "mvcc/kvstore.py",
        "if 0 < revision < self.compact_revision:",
        "if 0 < revision <= self.compact_revision:",
        "compaction keeps the revision itself",
    ),
    Mutant(
        "compacted-revision-served",
        "mvcc/kvstore.py",
        "if 0 < revision < self.compact_revision:",
        "if 0 < revision < self.compact_revision - 1:",
        "an old revision is refused",
    ),
    Mutant(
        "snapshot-without-leases",
        "apply.py",
        "        machine.lessor.restore(snapshot.leases)\n",
        "",
        "replicas agree with the log",
    ),
    # ---- watches
    Mutant(
        "watch-event-lost-when-it-joins",
        "mvcc/watchable.py",
        "        watch.next_revision = through + 1\n        if events:",
        "        watch.next_revision = through + 1\n        if events and len(events) != 2:",
        "watch: reliable",
    ),
    Mutant(
        "watch-event-duplicated-on-resume",
        "subscriptions.py",
        "self.next_revision = max(self.next_revision, self._store.resume_revision(self._watch))",
        "self.next_revision = max(1, self._store.resume_revision(self._watch) - 1)",
        "watch: unique",
    ),
    Mutant(
        "watch-travels-back-in-time",
        "subscriptions.py",
        "            self.next_revision,\n            self.filters,\n",
        "            max(1, self.next_revision - 2),\n            self.filters,\n",
        "watch: unique, ordered",
    ),
    Mutant(
        "watch-of-a-future-revision-begins-now",
        "mvcc/watchable.py",
        "        if watch.next_revision > kv.revision:\n",
        "        if watch.next_revision > kv.revision:\n            watch.next_revision = kv.revision + 1\n",
        "watch: resumable",
    ),
    Mutant(
        "watch-at-the-edge-of-compaction-goes-on",
        "mvcc/watchable.py",
        "if watch.next_revision < kv.compact_revision:",
        "if watch.next_revision < kv.compact_revision - 2:",
        "watch: resumable",
    ),
    Mutant(
        "watch-at-the-compacted-revision-ends",
        "mvcc/watchable.py",
        "if watch.next_revision < kv.compact_revision:",
        "if watch.next_revision <= kv.compact_revision:",
        "watch: resumable",
    ),
    Mutant(
        "bookmark-ahead-of-its-events",
        "mvcc/watchable.py",
        "self._deliver(watch, WatchBatch((), max(self.kv.revision, watch.next_revision - 1)))",
        "self._deliver(watch, WatchBatch((), self.kv.revision + 1))",
        "watch: bookmarkable",
    ),
    Mutant(
        "watch-far-behind-is-told-of-a-compaction",
        "mvcc/watchable.py",
        "        if watch.next_revision < kv.compact_revision:\n            error = CompactedError(watch.next_revision, kv.compact_revision)\n",
        "        edge = max(kv.compact_revision, kv.revision - 10)\n        if watch.next_revision < edge:\n            error = CompactedError(watch.next_revision, edge)\n",
        "watch: resumable",
    ),
    Mutant(
        "filter-forgotten-in-history",
        "mvcc/watchable.py",
        "            if kind not in unwanted:\n",
        "            if True:\n",
        "watch: filter",
    ),
    Mutant(
        "revision-split-over-batches",
        "subscriptions.py",
        "            self._sink(batch)\n        except Exception:",
        "            for each in batch.events[:-1]:\n                self._sink(WatchBatch((each,), each.kv.mod_revision - 1))\n            self._sink(WatchBatch(batch.events[-1:], batch.revision, batch.error))\n        except Exception:",
        "watch: atomic",
    ),
    Mutant(
        "previous-value-of-history-forgotten",
        "mvcc/watchable.py",
        "events.append(Event(kind, change, kv.get_before(change)))",
        "events.append(Event(kind, change, None))",
        "watch: prevKV",
    ),
    Mutant(
        "watch-left-behind-by-a-snapshot",
        "standalone.py",
        "    def state_replaced(self, member: Member) -> None:\n        self._proposals.term_applied(member.applied_term)\n        self.subscriptions.move(member.machine.watches)",
        "    def state_replaced(self, member: Member) -> None:\n        self._proposals.term_applied(member.applied_term)",
        "watch: reliable",
    ),
    # ---- leases
    Mutant(
        "lease-expires-without-the-log",
        "member.py",
        "                requests = [LeaseRevokeRequest(lease) for lease in expired]\n",
        "                for lease in expired:\n                    self.machine.apply(LeaseRevokeRequest(lease))\n                requests = []\n",
        "replicas agree with the log",
    ),
    Mutant(
        "lease-that-was-renewed-never-expires",
        "lease.py",
        "                found.due = found.deadline\n",
        "                continue\n",
        "a lease that nobody renews ends",
    ),
    Mutant(
        "lease-forgotten-by-a-new-leader",
        "lease.py",
        "        for lease in self._leases.values():\n            self._schedule(lease, extend)\n",
        "        for lease in self._leases.values():\n            lease.deadline = self._now() + lease.ttl + extend\n",
        "a lease that nobody renews ends",
    ),
    Mutant(
        "key-of-a-lease-outlives-it",
        "lease.py",
        "        keys = sorted(self.get(lease).keys)\n",
        "        keys = sorted(self.get(lease).keys)[1:]\n",
        "a lease takes its keys along",
    ),
    Mutant(
        "lease-expires-early",
        "lease.py",
        "lease.deadline = self._now() + ",
        "lease.deadline = self._now() + 0.2 * ",
        "a lease lasts as long as it was granted",
    ),
    # ---- disk
    Mutant(
        "acknowledged-before-fsync",
        "member.py",
        "        if ready.early:\n",
        "        if True:\n",
        "persist before send",
    ),
    Mutant(
        "fsync-forgotten",
        "wal/log.py",
        "                self._file.sync()\n                self._synced = self._end\n",
        "                self._synced = self._end\n",
        "what is kept survives",
    ),
    Mutant(
        "torn-tail-accepted",
        "wal/record.py",
        "    return bool(crc == expected)",
        "    return True",
        "a torn tail is cut",
    ),
    Mutant(
        "directory-not-synced",
        "wal/log.py",
        "        disk.rename(passing, segment.name)\n        disk.sync_dir()\n",
        "        disk.rename(passing, segment.name)\n",
        "what is kept survives",
    ),
    Mutant(
        "log-cut-before-its-snapshot",
        "wal/storage.py",
        "        self._wal.release(kept[-1][0])",
        "        self._wal.release(kept[0][0] + 1000)",
        "snapshot and tail are the full log",
    ),
    Mutant(
        "hard-state-lost-in-recovery",
        "wal/recovery.py",
        "    batch = decode_batch(name, offset, payload)\n    tail.hard_state = batch.hard_state\n",
        "    batch = decode_batch(name, offset, payload)\n",
        "vote and term survive a restart",
    ),
)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


class _Loader(importlib.abc.SourceLoader):
    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._source = source

    def get_filename(self, fullname: str) -> str:  # the loader's interface
        return self._path

    def get_data(self, path: str) -> bytes:
        if path != self._path:
            raise OSError(path)  # no bytecode
        return self._source.encode()


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.used = False

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:  # the finder's interface
        if fullname != self.mutant.module:
            return None
        self.used = True
        file = str(ROOT / "kube/store" / self.mutant.file)
        return importlib.util.spec_from_file_location(
            fullname, file, loader=_Loader(file, self.mutant.source())
        )


def hunt(mutant: Mutant, seeds: "list[int] | range") -> int:
    """In a process of its own: the exit status, FOUND when a seed has found the mutant."""
    finder = _Finder(mutant)
    sys.meta_path.insert(0, finder)
    from kube.testing.seeds import run_batch

    assert finder.used, f"{mutant.module} is not imported"
    for seed in seeds:
        failures = run_batch([seed]).failures
        if failures:
            words = failures[0].words.splitlines()[0]
            sys.stdout.write(f"{seed}\t{words[:300]}\n")
            return FOUND
    return 0


def recorded() -> dict[str, list[int]]:
    """The seeds that have found each mutant."""
    lines = RECORDED.read_text().splitlines()
    return {
        name: [int(seed) for seed in seeds.split()]
        for name, seeds, *_ in (line.split("\t") for line in lines if not line.startswith("#"))
    }


def command(mutant: Mutant, seeds: "list[int] | range") -> list[str]:
    return [sys.executable, __file__, "--hunt", mutant.name, "--seeds", *map(str, seeds)]


def search(mutant: Mutant, wanted: int, limit: int) -> tuple[list[int], str]:
    """Up to ``wanted`` seeds that find it, and what the first of them says."""
    found: list[int] = []
    said = ""
    first = 1
    while first <= limit and len(found) < wanted:
        process = subprocess.run(
            command(mutant, range(first, limit + 1)),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        if process.returncode != FOUND:
            if process.returncode:
                raise RuntimeError(f"{mutant.name}: {process.stderr[-2000:]}")
            break
        seed, words = process.stdout.strip().splitlines()[-1].split("\t", 1)
        said = said or words
        found.append(int(seed))
        first = int(seed) + 1
    return found, said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="mutants; all by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, default=LIMIT, help="seeds to search")
    parser.add_argument("--record", action="store_true", help="write mutants.tsv")
    parser.add_argument("--wanted", type=int, default=1, help="seeds to find for each")
    parser.add_argument("--hunt", help=argparse.SUPPRESS)
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hunt:
        return hunt(BY_NAME[options.hunt], options.seeds)
    mutants = [BY_NAME[name] for name in options.names] or list(MUTANTS)
    missed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        searches = {pool.submit(search, each, options.wanted, options.limit): each for each in mutants}
        for done in as_completed(searches):
            mutant, (seeds, said) = searches[done], done.result()
            sys.stdout.write(f"{mutant.name}: {seeds or 'NOT FOUND'} {said}\n")
            sys.stdout.flush()
            missed += not seeds
            if options.record and seeds:
                _record(mutant.name, seeds)
    sys.stdout.write(f"{len(mutants) - missed} of {len(mutants)} found within {options.limit} seeds\n")
    return 1 if missed else 0


def _record(name: str, seeds: list[int]) -> None:
    known = {**(recorded() if RECORDED.exists() else {}), name: seeds}
    lines = ["# mutant, and seeds that find it; written by tests/simulation/mutants.py --record\n"]
    lines += [f"{each.name}\t{' '.join(map(str, known.get(each.name, [])))}\n" for each in MUTANTS]
    RECORDED.write_text("".join(lines))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
