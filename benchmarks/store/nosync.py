"""`kube store serve` whose disk never waits, as etcd's with --unsafe-no-fsync: for comparison alone."""

import os
from typing import Any

from kube.cli.main import main
from kube.store.wal import disk


def no_sync(descriptor: Any) -> None:
    """Leave it to the operating system."""


if __name__ == "__main__":
    disk._fdatasync = no_sync  # type: ignore[assignment]  # noqa: SLF001  # no option of the product, on purpose
    os.fsync = no_sync  # type: ignore[assignment]  # of directories, after a rename
    main()
