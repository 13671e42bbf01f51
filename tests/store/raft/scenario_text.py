"""How scenarios write down what raft says: entries as ``index@term``, terms as ``t3``."""

from collections.abc import Iterable

from kube.store.raft.messages import (
    AppendEntries,
    AppendResponse,
    ConfChange,
    ConfChangeTransition,
    ConfChangeType,
    ConfState,
    Entry,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    Message,
    ReadIndexRequest,
    ReadIndexResponse,
    RequestVote,
    Snapshot,
    TimeoutNow,
    VoteResponse,
)
from kube.store.raft.rawnode import Ready
from kube.store.raft.status import ProgressStatus

CHANGES = {
    "v": ConfChangeType.ADD_NODE,
    "l": ConfChangeType.ADD_LEARNER_NODE,
    "r": ConfChangeType.REMOVE_NODE,
    "u": ConfChangeType.UPDATE_NODE,
}
LETTERS = {kind: letter for letter, kind in CHANGES.items()}

KINDS: dict[str, tuple[type, ...]] = {
    "append": (AppendEntries,),
    "appended": (AppendResponse,),
    "heartbeat": (Heartbeat,),
    "alive": (HeartbeatResponse,),
    "vote": (RequestVote, VoteResponse),
    "snapshot": (InstallSnapshot,),
    "timeout-now": (TimeoutNow,),
    "read": (ReadIndexRequest, ReadIndexResponse),
}
"""What ``type=`` of deliver-msgs means."""


def conf_text(conf: ConfState) -> str:
    def ids(name: str, members: tuple[int, ...]) -> str:
        return f"{name} {' '.join(map(str, members))}"

    parts = [ids("voters", conf.voters)]
    if conf.voters_outgoing:
        parts.append(ids("outgoing", conf.voters_outgoing))
    if conf.learners:
        parts.append(ids("learners", conf.learners))
    if conf.learners_next:
        parts.append(ids("learners next", conf.learners_next))
    if conf.auto_leave:
        parts.append("left by itself")
    return ", ".join(parts)


def data_text(data: object) -> str:
    if data is None:
        return "-"
    if not isinstance(data, ConfChange):
        return str(data)
    changes = " ".join(f"{LETTERS[change.type]}{change.node}" for change in data.changes)
    if data.transition is not ConfChangeTransition.AUTO:
        changes += f" {data.transition.value}"
    return f"conf({changes or 'leave'})"


def entry_text(entry: Entry) -> str:
    return f"{entry.index}@{entry.term} {data_text(entry.data)}"


def snapshot_text(snapshot: Snapshot) -> str:
    return f"{snapshot.index}@{snapshot.term} ({conf_text(snapshot.conf)})"


def _append(message: AppendEntries) -> str:
    entries = ", ".join(map(entry_text, message.entries)) or "nothing"
    return f"append {entries} after {message.prev_index}@{message.prev_term}, commit {message.commit}"


def _append_response(message: AppendResponse) -> str:
    if message.unconfigured:
        return "refuses: no configuration"
    if not message.rejected:
        return f"has all to {message.index}"
    return f"refuses what follows {message.index}, try {message.hint_index}@{message.hint_term}"


def _request_vote(message: RequestVote) -> str:
    kind = "pre-vote?" if message.pre else "vote?"
    return f"{kind} log to {message.last_index}@{message.last_term}" + message.transfer * ", handed over"


def _vote_response(message: VoteResponse) -> str:
    return f"{'no ' * message.rejected}{'pre-' * message.pre}vote"


def _round(context: int) -> str:
    return f", round {context}" if context else ""


_TEXTS = {
    AppendEntries: _append,
    AppendResponse: _append_response,
    RequestVote: _request_vote,
    VoteResponse: _vote_response,
    Heartbeat: lambda message: f"heartbeat, commit {message.commit}{_round(message.context)}",
    HeartbeatResponse: lambda message: f"alive{_round(message.context)}",
    InstallSnapshot: lambda message: f"snapshot {snapshot_text(message.snapshot)}",
    TimeoutNow: lambda _: "timeout-now",
    ReadIndexRequest: lambda message: f"read index? #{message.context}",
    ReadIndexResponse: lambda message: f"read #{message.context} at {message.index}",
}


def message_text(message: Message) -> str:
    text = _TEXTS[type(message)](message)  # type: ignore[operator]  # each takes the type it stands beside
    return f"{message.from_}->{message.to} t{message.term} {text}"


def ready_text(node: int, ready: Ready) -> Iterable[str]:
    yield f"{node} ready" + ", sync" * ready.must_sync + ", early" * ready.early
    if ready.snapshot is not None:
        yield f"  keep snapshot {snapshot_text(ready.snapshot)}"
    for entry in ready.entries:
        yield f"  keep {entry_text(entry)}"
    if ready.hard_state is not None:
        state = ready.hard_state
        yield f"  keep t{state.term}, vote {state.vote or '-'}, commit {state.commit}"
    for message in ready.messages:
        yield f"  send {message_text(message)}"
    for entry in ready.committed:
        yield f"  apply {entry_text(entry)}"
    for read in ready.read_states:
        yield f"  read #{read.context} at {read.index}"


def progress_text(progress: ProgressStatus) -> str:
    parts = [f"{progress.id}: {progress.state.value} match={progress.match} next={progress.next}"]
    if progress.learner:
        parts.append("learner")
    if progress.paused:
        parts.append("paused")
    if progress.pending_snapshot:
        parts.append(f"snapshot={progress.pending_snapshot}")
    if progress.inflight:
        parts.append(f"inflight={progress.inflight} ({progress.inflight_bytes} B)")
    if not progress.recent_active:
        parts.append("silent")
    return " ".join(parts)
