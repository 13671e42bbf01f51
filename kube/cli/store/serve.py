"""``kube store serve``: the store alone, served over etcd's gRPC API. Flags are etcd's where etcd has them."""

from typing import Any

import click

from kube.cli.directory import DATA_DIRECTORY
from kube.cli.extra import require_etcd
from kube.cli.runner import end_at_ctrl_c, run
from kube.cli.store.api import api_options


@click.command()
@click.option("--name", default="default", show_default=True, help="The member's name.")
@click.option(
    "--data-dir",
    type=DATA_DIRECTORY,
    help="Keep everything in this directory. Without it the store is in memory.",
)
@click.option(
    "--replicas",
    default="1",
    show_default=True,
    type=click.Choice(["1", "3", "5"]),
    help="Members of the Raft store, all in this process.",
)
@api_options
def serve(log_level: str, **flags: Any) -> None:
    """Serve etcd's gRPC API from a store in this process. Ctrl-C stops it.

    etcdctl, and whatever else speaks to etcd, works with it. Without --data-dir everything is in memory, and gone at the end.
    """
    end_at_ctrl_c()
    require_etcd()
    from kube.base import logging  # noqa: PLC0415  # help comes without it
    from kube.cli.store.serve_process import serve_store  # noqa: PLC0415  # as above

    logging.configure(level=log_level.upper())
    run(serve_store(flags))
