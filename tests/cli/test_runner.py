"""How a command's coroutine ends."""

import asyncio

import pytest

from kube.actors.runtime.errors import HopelessError, RestartIntensityError
from kube.cli.errors import CommandError
from kube.cli.runner import until


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (HopelessError("the directory is gone"), "^the directory is gone$"),
        (RestartIntensityError("/store-1", 5, 60, OSError("no")), "^/store-1 failed more than 5 times"),
    ],
)
async def test_actors_that_failed_for_good_are_one_line(error: Exception, said: str) -> None:
    async def running() -> None:
        raise error

    with pytest.raises(CommandError, match=said) as refused:
        await until(asyncio.Event(), running())
    assert refused.value.exit_code == 1
    assert refused.value.__suppress_context__


async def test_what_is_nobodys_failure_is_raised_as_it_is() -> None:
    async def running() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await until(asyncio.Event(), running())
