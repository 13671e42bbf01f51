"""Another process with a PYTHONHASHSEED of its own, for runs that must come out equal under any.

``Elsewhere`` is this process's end of it. What the other one runs are functions of ``kube.testing.seeds``, by name.
"""

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

T = TypeVar("T")
_ROOT = Path(__file__).resolve().parents[2]


class Elsewhere:
    """Starts at once, and ends when it is closed. One thread at a time may use it."""

    def __init__(self, hash_seed: int) -> None:
        self.hash_seed = hash_seed
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from kube.testing.elsewhere import serve; serve()"],
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, function: str, result: type[T], argument: Any) -> T:
        """What the function of ``kube.testing.seeds`` returns. Raises ChildProcessError when the process has ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(msgspec.json.encode((function, argument)) + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise ChildProcessError(f"{function}: the process ended with status {self._process.wait()}")
        return msgspec.json.decode(line, type=result)

    def close(self) -> None:
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve() -> None:
    """The other end: one call a line on standard input, one result a line on standard output."""
    from kube.testing import seeds  # noqa: PLC0415  # it imports this module

    logging.getLogger("kube").setLevel(logging.CRITICAL + 1)  # members that crash would each say so
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed is no result
    for line in sys.stdin.buffer:
        function, argument = msgspec.json.decode(line)
        output.write(msgspec.json.encode(getattr(seeds, function)(argument)) + b"\n")
        output.flush()
