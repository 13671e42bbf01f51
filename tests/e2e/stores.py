"""What ``kube up`` can keep a cluster in, as flags of the command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.store.servers import DISTRO, etcd

MEMORY: Final = "memory"
DATA_DIR: Final = "data-dir"
STORES: Final = (MEMORY, DATA_DIR, DISTRO)


@contextmanager
def store_flags(store: str, directory: Path) -> Iterator[list[str]]:
    """The flags, while what they name runs."""
    if store == MEMORY:
        yield []
        return
    if store == DATA_DIR:
        yield ["--data-dir", str(directory / "data")]
        return
    server = etcd(store, directory)
    server.start()
    try:
        yield ["--store", f"etcd://{server.endpoint}"]
    finally:
        server.kill()
