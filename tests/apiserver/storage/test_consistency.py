"""Whatever happens, and wherever a watch begins: what it tells adds up to what a list shows."""

import random

import pytest
from msgspec.structs import replace

from kube.apiserver.storage import watch_cache
from kube.apiserver.storage.interface import ListOptions, Selection, WatchOptions

NAMES = [f"{namespace}/{name}" for namespace in ("a", "b") for name in ("1", "2", "3", "4")]
APPS = ("web", "db", "")


def selections():
    web = lambda obj: obj.metadata.labels.get("app") == "web"  # noqa: E731  # a filter as compiled ones are
    return [
        Selection(),
        Selection(namespace="a"),
        Selection(namespace="b", name="2"),
        Selection(matches=web),
        Selection(namespace="a", matches=web),
    ]


class Observer:
    """Rebuilds a state from a list and the events after it, and checks that each event makes sense."""

    def __init__(self, state=()):
        self.state = {entry.key: entry.object for entry in state}
        self.revision = 0
        self.faults = []

    def deliver(self, events):
        for event in events:
            entry = event.entry
            known = entry.key in self.state
            if entry.revision <= self.revision:
                self.faults.append(f"{event} came twice, or out of order")
            if known is (event.type == "ADDED"):
                self.faults.append(f"{event} of what is {'known' if known else 'unknown'}")
            self.revision = entry.revision
            if event.type == "DELETED":
                self.state.pop(entry.key, None)
            else:
                self.state[entry.key] = entry.object
        return True

    def closed(self, error):
        self.faults.append(f"closed: {error}")


async def step(rng, cacher, key, config_map):
    namespace, _, name = rng.choice(NAMES).partition("/")
    at, app = key(name, namespace), rng.choice(APPS)
    held = (await cacher.get_list(ListOptions(selection=Selection(namespace=namespace, name=name)))).entries
    if not held:
        await cacher.create(at, config_map(name, namespace, labels={"app": app}, n=str(rng.random())))
    elif rng.random() < 0.3:
        await cacher.delete(at)
    else:

        async def change(entry):
            meta = replace(entry.object.metadata, labels={"app": app})
            return replace(entry.object, metadata=meta, data={"n": str(rng.random())})

        await cacher.guaranteed_update(at, change)


async def observe(cacher, listed, selection):
    """A watch of a selection from a list of the past."""
    observer = Observer(listed.entries)
    at = listed.resource_version
    observer.revision = int(at)
    await cacher.watch(WatchOptions(selection=selection, resource_version=at), observer)
    return observer


@pytest.mark.parametrize("seed", range(15))
async def test_watches_add_up(cacher, key, config_map, monkeypatch, seed):
    monkeypatch.setattr(watch_cache, "MIN_HISTORY", 2)
    monkeypatch.setattr(watch_cache, "MAX_HISTORY", 5)
    rng = random.Random(seed)
    await cacher.start()
    lists, observers = [], []
    for _ in range(60):
        await step(rng, cacher, key, config_map)
        if rng.random() < 0.4:
            selection = rng.choice(selections())
            lists.append((selection, await cacher.get_list(ListOptions(selection=selection))))
        if lists and rng.random() < 0.2:
            selection, listed = rng.choice(lists)
            observers.append((selection, await observe(cacher, listed, selection)))
    assert observers, "the seed has started no watch"
    for selection, observer in observers:
        assert not observer.faults
        now = await cacher.get_list(ListOptions(selection=selection))
        assert observer.state == {entry.key: entry.object for entry in now.entries}
