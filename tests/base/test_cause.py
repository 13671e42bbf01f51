import asyncio

from kube.base.cause import CURRENT, MAX_DEPTH, Cause, Causes, because


def test_a_cause_names_its_chain_up_to_the_root():
    causes = Causes()
    request = causes.root("POST pods")
    bound = causes.new("PodBound", request)
    assert [cause.name for cause in bound.chain()] == ["PodBound", "POST pods"]
    assert str(bound) == "PodBound[c2] < POST pods[c1]"


def test_a_new_cause_hangs_below_the_current_one():
    causes = Causes("x")
    with because(causes.root("timer")) as timer:
        assert CURRENT.get() is timer
        assert causes.new("tick") == Cause("x2", "tick", timer, 1)
        with because(None):
            assert causes.new("other").parent is None
    assert CURRENT.get() is None


def test_two_sources_number_alike():
    first, second = Causes(), Causes()
    assert (
        [first.root("a").id for _ in range(3)]
        == [second.root("b").id for _ in range(3)]
        == ["c1", "c2", "c3"]
    )


def test_an_endless_chain_stays_short_and_keeps_its_root():
    causes = Causes()
    cause = root = causes.root("apply")
    for _ in range(10 * MAX_DEPTH):
        cause = causes.new("reconcile", cause)
        chain = list(cause.chain())
        assert len(chain) <= MAX_DEPTH + 1
        assert chain[-1] is root


async def test_tasks_inherit_the_cause_of_whoever_starts_them():
    async def read():
        return CURRENT.get()

    causes = Causes()
    with because(causes.root("apply")) as cause:
        task = asyncio.create_task(read())
    assert await task is cause
