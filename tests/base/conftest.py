"""Every asynchronous test here runs on the stock loop and, where it is installed, on uvloop."""

import asyncio
import sys

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
