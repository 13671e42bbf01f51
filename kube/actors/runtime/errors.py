"""What can go wrong between actors, all of it below `ActorError`.

ActorError
├── ActorStoppedError         the receiver is gone, or went while it was asked
├── ActorFailedError          the receiver failed while it handled the ask
├── AskTimeoutError           no answer within the deadline (also a TimeoutError)
├── AskCycleError             the ask would wait for itself
├── AskSupersededError        a newer message of the same key took the ask's place in a coalescing mailbox
├── MailboxFullError          no room, and the sender did not choose to wait
├── NameTakenError            two children of one name
├── RestartIntensityError     a child failed too often; the failure goes up
├── HopelessError             no restart would help; the failure goes up at once
└── StopTimeoutError          actors that did not stop within the deadline
"""


class ActorError(Exception):
    """The base of all errors of the runtime."""


class ActorStoppedError(ActorError):
    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is stopped")
        self.path = path


class ActorFailedError(ActorError):
    """Carries what the actor raised as `error` and as its `__cause__`."""

    def __init__(self, path: str, error: BaseException) -> None:
        super().__init__(f"{path} failed: {type(error).__name__}: {error}")
        self.path = path
        self.error = error
        self.__cause__ = error


class AskTimeoutError(ActorError, TimeoutError):
    def __init__(self, path: str, message: object, seconds: float) -> None:
        super().__init__(f"{path} did not answer {type(message).__name__} within {seconds} s")
        self.path = path
        self.seconds = seconds


class AskCycleError(ActorError):
    """`paths` starts and ends with the actor that would wait for itself."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(f"asks in a circle: {' -> '.join(paths)}")
        self.paths = paths


class AskSupersededError(ActorError):
    def __init__(self, path: str) -> None:
        super().__init__(f"a newer message took the place of this ask in the mailbox of {path}")
        self.path = path


class MailboxFullError(ActorError):
    def __init__(self, path: str, capacity: int) -> None:
        super().__init__(f"the mailbox of {path} holds {capacity} messages and is full")
        self.path = path
        self.capacity = capacity


class NameTakenError(ActorError):
    def __init__(self, path: str) -> None:
        super().__init__(f"{path} exists already")
        self.path = path


class RestartIntensityError(ActorError):
    """Carries the last failure as `__cause__`."""

    def __init__(self, path: str, restarts: int, period: float, error: BaseException) -> None:
        super().__init__(f"{path} failed more than {restarts} times within {period:g} s, lastly: {error!r}")
        self.path = path
        self.__cause__ = error


class HopelessError(ActorError):
    """What no new start would mend, in words for the user: it goes up at once, and no traceback is logged."""


class StopTimeoutError(ActorError):
    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(f"did not stop in time: {', '.join(paths)}")
        self.paths = paths
