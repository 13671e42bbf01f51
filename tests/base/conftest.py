"""Every asynchronous test here runs on the stock loop and, where it is installed, on uvloop."""

import asyncio
import contextlib
import os
import sys

import pytest

try:
    import uvloop
except ImportError:
    uvloop = None


def eager_loop():
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop


def pytest_asyncio_loop_factories(config, item):
    factories = {"asyncio": asyncio.new_event_loop}
    if uvloop is not None:
        factories["uvloop"] = uvloop.new_event_loop
    if sys.version_info >= (3, 12):
        factories["eager"] = eager_loop
    return factories


@pytest.fixture
def few_files():
    """A context in which the process may have few more files open than it has, and so many again; it gives the limit."""
    resource = pytest.importorskip("resource")

    @contextlib.contextmanager
    def few(room):
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.close(descriptor)
        limit = 2 * descriptor + room
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
        try:
            yield limit
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    return few
