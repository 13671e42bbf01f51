"""``kube store member``: one member of a store whose other members are elsewhere. Flags are etcd's where etcd has them."""

from typing import Any, Final

import click

from kube.cli.directory import DATA_DIRECTORY
from kube.cli.errors import CommandError
from kube.cli.extra import require_etcd
from kube.cli.runner import end_at_ctrl_c, run
from kube.cli.store.api import PEM_FILE, api_options
from kube.store.urls import AddressError

DEFAULT_PEER_URL: Final = "http://127.0.0.1:2380"


@click.command()
@click.option("--name", default="default", show_default=True, help="The member's name.")
@click.option(
    "--data-dir",
    type=DATA_DIRECTORY,
    help="Keep everything in this directory. Without it the member is in memory and can't be started again.",
)
@click.option(
    "--listen-peer-urls",
    default=DEFAULT_PEER_URL,
    show_default=True,
    help="Where the other members connect to.",
)
@click.option(
    "--initial-advertise-peer-urls",
    help="How the other members reach this one; by default where it listens.",
)
@click.option(
    "--initial-cluster",
    help="All members at the start: NAME=URL,NAME=URL,… By default this one alone.",
)
@click.option(
    "--initial-cluster-state",
    type=click.Choice(["new", "existing"]),
    default="new",
    show_default=True,
    help="existing: join a store that runs, after somebody has added this member to it.",
)
@click.option(
    "--initial-cluster-token",
    default="etcd-cluster",
    show_default=True,
    help="Stores with different tokens never take each other's members for their own.",
)
@click.option("--peer-cert-file", type=PEM_FILE, help="This member's certificate for its peers, PEM.")
@click.option("--peer-key-file", type=PEM_FILE, help="Its private key, PEM.")
@click.option(
    "--peer-trusted-ca-file", type=PEM_FILE, help="The authority of the members' certificates, PEM."
)
@click.option(
    "--peer-client-cert-auth",
    is_flag=True,
    help="Let only members in that have a certificate of that authority.",
)
@click.option(
    "--snapshot-count",
    default=10_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Entries of the log between two snapshots.",
)
@click.option(
    "--heartbeat-interval", default=40, show_default=True, type=click.IntRange(min=1), help="Milliseconds."
)
@click.option(
    "--election-timeout",
    default=200,
    show_default=True,
    type=click.IntRange(min=5),
    help="Milliseconds without a leader after which a member stands for election, up to twice as many.",
)
@click.option(
    "--strict-reconfig-check/--no-strict-reconfig-check",
    default=True,
    show_default=True,
    help="Refuse changes of members that the members who run now could not survive.",
)
@api_options
def member(log_level: str, **flags: Any) -> None:
    """Run one member of a store whose other members run elsewhere, and serve etcd's gRPC API. Ctrl-C stops it.

    Every member of a new store is started with the same --initial-cluster.
    """
    end_at_ctrl_c()
    require_etcd()
    from kube.base import logging  # noqa: PLC0415  # help comes without it
    from kube.cli.store.member_process import run_member  # noqa: PLC0415  # as above

    logging.configure(level=log_level.upper())
    try:
        run(run_member(flags))
    except AddressError as error:
        raise CommandError(str(error)) from None
