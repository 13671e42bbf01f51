"""Real etcds that a test may stop and start again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.servers import DISTRO, Server, etcd, share_a_loop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    share_a_loop(items, Path(__file__).parent)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One member; its data outlives it."""
    made = etcd(DISTRO, tmp_path)
    made.start()
    yield made
    made.kill()
