"""``kube store``: the group of commands for the store alone. Each command is in a module of its own, imported when it is called."""

from typing import Final

import click

from kube.cli.main import LazyGroup

COMMANDS: Final = {
    "serve": ("kube.cli.store.serve", "Serve etcd's gRPC API from a store in this process."),
    "member": ("kube.cli.store.member", "Run one member of a store whose other members are elsewhere."),
    "snapshot": ("kube.cli.store.snapshot", "Back a store up, restore a backup, look at one."),
}
"""As ``kube.cli.main.COMMANDS``."""


@click.group(cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def store() -> None:
    """The key-value store by itself: what stands in the place of etcd."""
