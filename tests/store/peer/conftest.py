"""Every asynchronous test here runs on the stock loop and, where it is installed, on uvloop: TLS and ends of connections differ."""

import asyncio

try:
    import uvloop
except ImportError:
    uvloop = None


def pytest_asyncio_loop_factories(config, item):
    factories = {"asyncio": asyncio.new_event_loop}
    if uvloop is not None:
        factories["uvloop"] = uvloop.new_event_loop
    return factories
