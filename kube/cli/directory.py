"""The type of ``--data-dir``."""

from pathlib import Path
from typing import Any, Final

import click


class _DataDirectory(click.Path):
    """click takes an empty text for the working directory; it is a shell's variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("it is empty: name a directory", param, ctx)
        return super().convert(value, param, ctx)


DATA_DIRECTORY: Final = _DataDirectory(path_type=Path, file_okay=False)
STORED_DIRECTORY: Final = _DataDirectory(path_type=Path, file_okay=False, exists=True)
