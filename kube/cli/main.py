"""``kube``: the group of commands."""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

from kube.cli.text import with_checked_texts

COMMANDS: Final = {
    "up": ("kube.cli.up", "Run a cluster in the foreground."),
    "kubeconfig": (
        "kube.cli.kubeconfig",
        "Print the running cluster's kubeconfig, or merge it into your own.",
    ),
    "version": ("kube.cli.version", "Print the version of this program and of the Kubernetes it is."),
    "bench": ("kube.cli.bench", "Run a benchmark and print its table."),
    "scheduler": ("kube.cli.components", "Run a scheduler alone against an API server."),
    "controller-manager": ("kube.cli.components", "Run the controllers alone against an API server."),
    "kubelet": ("kube.cli.components", "Run one simulated node alone against an API server."),
    "store": ("kube.cli.store", "Run the store alone, and look after it."),
}
"""Name to module and one-line help: what ``kube --help`` shows without importing anything."""


class LazyGroup(click.Group):
    """Imports a command's module when the command is called. ``table`` as ``COMMANDS``."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]] = COMMANDS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        if cmd_name not in self._table:
            return None
        module = import_module(self._table[cmd_name][0])
        return with_checked_texts(getattr(module, cmd_name.replace("-", "_")))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: kube up",
)
def kube() -> None:
    """A whole Kubernetes in one process: API server, scheduler, controllers and nodes."""


def main() -> None:
    """The console script. A user's mistake ends with one line and exit code 1 or 2, never a traceback."""
    try:
        kube.main(prog_name="kube", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
