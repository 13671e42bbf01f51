import asyncio
import logging

import pytest

from kube.base.tasks import TaskOwner


async def forever(log=None, name=None):
    try:
        await asyncio.Event().wait()
    finally:
        if log is not None:
            log.append(name)


async def fail(error):
    raise error


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_tasks_are_named_after_their_owner_and_forgotten_when_they_end():
    owner = TaskOwner("kubelet")
    task = owner.start(asyncio.sleep(0, "done"), name="sync")
    assert owner.names() == ("kubelet/sync",)
    assert await task == "done"
    await asyncio.sleep(0)
    assert len(owner) == 0
    await owner.aclose()


async def test_closing_cancels_the_last_started_first_and_waits():
    log = []
    owner = TaskOwner("owner")
    for name in ("a", "b", "c"):
        owner.start(forever(log, name), name=name)
    await asyncio.sleep(0)
    await owner.aclose()
    assert log == ["c", "b", "a"]
    assert len(owner) == 0


async def test_a_closed_owner_starts_nothing_and_leaves_no_coroutine_unawaited():
    owner = TaskOwner("owner")
    await owner.aclose()
    coroutine = forever()
    with pytest.raises(RuntimeError, match="owner is closed and starts no late"):
        owner.start(coroutine, name="late")
    assert coroutine.cr_frame is None
    assert owner.failed.cancelled()


async def test_an_exception_goes_to_the_handler_once():
    heard = []
    owner = TaskOwner("owner", on_error=lambda task, error: heard.append((task.get_name(), error)))
    error = ValueError("broken")
    owner.start(fail(error), name="bad")
    owner.start(forever(), name="good")
    await settle()
    assert owner.names() == ("owner/good",)
    await owner.aclose()
    assert heard == [("owner/bad", error)]


async def test_without_a_handler_an_exception_is_logged_and_fails_the_future(caplog):
    owner = TaskOwner("owner")
    with caplog.at_level(logging.ERROR, logger="kube"):
        owner.start(fail(ValueError("broken")), name="bad")
        with pytest.raises(ValueError, match="broken"):
            await owner.failed
        owner.start(fail(ValueError("second")), name="worse")
        await settle()
    assert [record.getMessage() for record in caplog.records] == [
        "task failed task=owner/bad",
        "task failed task=owner/worse",
    ]
    with pytest.raises(ValueError, match="broken"):
        await owner.failed
    await owner.aclose()


async def test_the_future_tells_of_a_failure_before_it_was_asked_for():
    owner = TaskOwner("owner")
    owner.start(fail(ValueError("broken")), name="bad")
    await settle()
    with pytest.raises(ValueError, match="broken"):
        await owner.failed
    await owner.aclose()


async def test_what_a_task_raises_when_it_is_cancelled_is_heard_too():
    heard = []

    async def stubborn():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("in clean-up")

    owner = TaskOwner("owner", on_error=lambda _, error: heard.append(str(error)))
    owner.start(stubborn(), name="stubborn")
    await asyncio.sleep(0)
    await owner.aclose()
    assert heard == ["in clean-up"]


async def test_a_task_that_swallows_its_cancellation_once_is_cancelled_again():
    async def deaf():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    owner = TaskOwner("owner")
    task = owner.start(deaf(), name="deaf")
    await asyncio.sleep(0)
    closing = asyncio.create_task(owner.aclose())
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    await closing
    assert task.cancelled()


async def test_a_task_may_close_its_own_owner():
    owner = TaskOwner("owner")
    other = owner.start(forever(), name="other")

    async def close():
        await owner.aclose()
        return "closed"

    assert await owner.start(close(), name="closer") == "closed"
    assert other.cancelled()


async def test_it_closes_as_a_context():
    async with TaskOwner("owner") as owner:
        task = owner.start(forever(), name="task")
        await asyncio.sleep(0)
    assert task.cancelled()


async def test_closing_can_be_given_up_where_a_task_ignores_its_cancellation():
    release = asyncio.Event()

    async def deaf():
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    owner = TaskOwner("owner")
    task = owner.start(deaf(), name="deaf")
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await owner.aclose()
    assert not task.done()
    release.set()
    await owner.aclose()
    assert task.done()
