"""How a simulated pod behaves: its annotations, read and checked.

``sim.kube-actors.dev/KEY`` is for every container of the pod, ``sim.kube-actors.dev/KEY.CONTAINER`` for one. See
docs/nodes.md for the table of keys. What cannot be read is the pod's own fault and stops it: BehaviourError.
"""

import random
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from kube.apimachinery.time import TimeError, duration_nanoseconds

PREFIX: Final = "sim.kube-actors.dev/"
FOREVER: Final = float("inf")
DEFAULT_RUN_TIME: Final = 1.0
"""Seconds that a container runs of a pod which is not restarted always: Jobs complete."""
STOP_EXIT_CODE: Final = 143
"""What a process without a handler for SIGTERM dies with: 128 + 15."""

_PLAIN: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)

T = TypeVar("T")


class BehaviourError(ValueError):
    """An annotation cannot be read; the message names it."""


class Behaviour(msgspec.Struct, frozen=True):
    """What one container does at one attempt. Times are seconds; infinity is "never" or "for ever"."""

    start_delay: float = 0.0
    run_time: float = FOREVER
    exit_code: int = 0
    stop_delay: float = 0.0
    stop_exit_code: int = STOP_EXIT_CODE
    ready_after: float = 0.0
    live_until: float = FOREVER
    started_after: float = 0.0
    create_error: str = ""
    termination_message: str = ""
    logs: str = ""


class PullBehaviour(msgspec.Struct, frozen=True):
    delay: float = 0.0
    failures: float = 0
    """How many pulls fail before one succeeds; infinity for ever."""
    absent: bool = False
    """Whether the node lacks the image at first; what takes time or fails has to be pulled."""


_ALWAYS: Final = Behaviour()
_FINISHES: Final = Behaviour(run_time=DEFAULT_RUN_TIME)
_AT_ONCE: Final = Behaviour(run_time=0.0)
_PRESENT: Final = PullBehaviour()


def is_scripted(annotations: Mapping[str, str]) -> bool:
    """Whether any annotation is for the simulated runtime."""
    return any(key.startswith(PREFIX) for key in annotations)


def default_behaviour(container_type: str, restart_policy: str) -> Behaviour:
    """Init containers end at once, sidecars never, others by the pod's restart policy."""
    if container_type == "init":
        return _AT_ONCE
    if container_type == "sidecar" or restart_policy == "Always":
        return _ALWAYS
    return _FINISHES


def behaviour_of(
    annotations: Mapping[str, str],
    container: str,
    attempt: int,
    default: Behaviour,
    chance: random.Random,
) -> Behaviour:
    """The behaviour of a container at its ``attempt``-th start, counted from 0. Raises BehaviourError."""
    if not annotations or not is_scripted(annotations):
        return default
    changes: dict[str, object] = {}
    for key, (field, read) in _KEYS.items():
        text = _value(annotations, key, container)
        if text is not None:
            changes[field] = _read(key, text, read, attempt, chance)
    ready = _value(annotations, "readiness", container)
    if ready is not None and not _read("readiness", ready, _boolean, attempt, chance):
        changes["ready_after"] = FOREVER
    return msgspec.structs.replace(default, **changes)


def pull_behaviour(annotations: Mapping[str, str], container: str, chance: random.Random) -> PullBehaviour:
    """Raises BehaviourError."""
    if not annotations or not is_scripted(annotations):
        return _PRESENT
    delay = _value(annotations, "image-pull-delay", container)
    failures = _value(annotations, "image-pull-failures", container)
    if delay is None and failures is None:
        return _PRESENT
    seconds = 0.0 if delay is None else _read("image-pull-delay", delay, _duration, 0, chance)
    count = 0.0 if failures is None else _read("image-pull-failures", failures, _count, 0, chance)
    return PullBehaviour(delay=seconds, failures=count, absent=True)


def has_readiness(annotations: Mapping[str, str], container: str) -> bool:
    """Whether the annotations speak of readiness, so that a container without a probe is asked as well."""
    if not annotations or not is_scripted(annotations):
        return False
    return any(_value(annotations, key, container) is not None for key in ("readiness", "readiness-delay"))


def _value(annotations: Mapping[str, str], key: str, container: str) -> str | None:
    own = annotations.get(f"{PREFIX}{key}.{container}")
    return own if own is not None else annotations.get(f"{PREFIX}{key}")


Reader = Callable[[str, int, random.Random], T]


def _read(key: str, text: str, read: Reader[T], attempt: int, chance: random.Random) -> T:
    try:
        return read(text.strip(), attempt, chance)
    except (ValueError, TimeError) as error:
        raise BehaviourError(f"annotation {PREFIX}{key}: {error}") from None


def _seconds(text: str) -> float:
    if text in ("forever", "never"):
        return FOREVER
    if _PLAIN.fullmatch(text):
        return float(text)
    seconds = duration_nanoseconds(text) / 1e9
    if seconds < 0:
        raise ValueError(f"{text!r} is negative")
    return seconds


def _duration(text: str, attempt: int, chance: random.Random) -> float:
    """``500ms``, ``2``, ``forever``; ``1s..5s`` draws; ``1s,2s`` goes by attempt, the last for all that follow."""
    steps = [step.strip() for step in text.split(",")]
    low, dots, high = steps[min(attempt, len(steps) - 1)].partition("..")
    if not dots:
        return _seconds(low)
    first, last = _seconds(low), _seconds(high)
    if not first <= last < FOREVER:
        raise ValueError(f"{low}..{high} is no range")
    return chance.uniform(first, last)


def _exit_code(text: str, attempt: int, _: random.Random) -> int:
    steps = [int(step) for step in text.split(",")]
    if any(not 0 <= step <= 255 for step in steps):
        raise ValueError(f"{text!r} is not between 0 and 255")
    return steps[min(attempt, len(steps) - 1)]


def _count(text: str, _: int, __: random.Random) -> float:
    if text == "forever":
        return FOREVER
    if not text.isdecimal():
        raise ValueError(f"{text!r} is no number of times")
    return int(text)


def _boolean(text: str, _: int, __: random.Random) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f'{text!r} is neither "true" nor "false"')
    return text == "true"


def _text(text: str, _: int, __: random.Random) -> str:
    return text


_KEYS: Final[Mapping[str, tuple[str, Reader[object]]]] = {
    "start-delay": ("start_delay", _duration),
    "run-time": ("run_time", _duration),
    "exit-code": ("exit_code", _exit_code),
    "stop-delay": ("stop_delay", _duration),
    "stop-exit-code": ("stop_exit_code", _exit_code),
    "readiness-delay": ("ready_after", _duration),
    "liveness-fail-after": ("live_until", _duration),
    "startup-delay": ("started_after", _duration),
    "create-error": ("create_error", _text),
    "termination-message": ("termination_message", _text),
    "logs": ("logs", _text),
}
