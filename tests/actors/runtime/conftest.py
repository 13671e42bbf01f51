"""Every asynchronous test here runs on the stock loop and, where they are to be had, on uvloop and with eager tasks.

The `system` fixture also checks that nothing is left when it has stopped.
"""

import asyncio
import sys

import pytest

from kube.actors.runtime.system import ActorSystem
from kube.base.chance import Chance

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
async def system():
    before = asyncio.all_tasks()
    system = ActorSystem(chance=Chance(1))
    yield system
    await system.stop()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert [task.get_name() for task in left] == []
    assert system.describe() == ()
