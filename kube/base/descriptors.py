"""How many files and connections a process may have open, and what of that is kept for its own files.

A server whose clients have taken every descriptor can open no file either: its log could not go on. etcd keeps as many back
(``ReservedInternalFDNum``), and Go raises the soft limit to the hard one as ``raise_limit`` does.
"""

import contextlib
import os
import sys
from typing import Final

RESERVED: Final = 150
"""Descriptors that connections leave free, or half of all where there are few."""

if sys.platform == "win32":

    def raise_limit() -> None:
        """Nothing: there is no such limit."""

    def are_scarce() -> bool:
        """False, as above."""
        return False
else:
    import resource

    def raise_limit() -> None:
        """Let this process have as many as it may."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            with contextlib.suppress(ValueError, OSError):  # macOS has another limit below the hard one
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def are_scarce() -> bool:
        """Whether no more than the reserve is left. The system always gives the lowest free descriptor, which tells."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit == resource.RLIM_INFINITY:
            return False
        try:
            descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return True
        os.close(descriptor)
        return descriptor >= limit - min(RESERVED, limit // 2)
