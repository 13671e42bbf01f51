"""What a supervisor does about a child that failed, as data."""

from enum import Enum
from typing import Final

from msgspec import Struct

from kube.base.backoff import Backoff

_BACKOFF: Final = Backoff(initial=0.01, cap=5.0, factor=4.0, jitter=0.1)


class Strategy(Enum):
    """Which children are restarted when one fails."""

    ONE_FOR_ONE = "one-for-one"
    """The one that failed."""

    REST_FOR_ONE = "rest-for-one"
    """It and those that were started after it, which are stopped before, in reverse order, and started after, in order."""


class Restart(Enum):
    """When a child is restarted, in OTP's words permanent, transient, temporary."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class Supervision(Struct, frozen=True):
    """A child that fails more than `max_restarts` times within `period` seconds fails its supervisor.

    The limit is per child, not per supervisor as in OTP: supervisors here are wide, and 5,000 kubelets that lose the same
    API server once each are no sign of a broken kubelet.
    """

    strategy: Strategy = Strategy.ONE_FOR_ONE
    max_restarts: int = 5
    period: float = 60.0
    backoff: Backoff = _BACKOFF
