"""``kube kubeconfig``: the running cluster's credentials, for other programs."""

from pathlib import Path

import click

from kube.cli.errors import CommandError
from kube.cli.up import DEFAULT_KUBECONFIG


@click.command()
@click.option(
    "--from",
    "source",
    default=DEFAULT_KUBECONFIG,
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file that kube up has written.",
)
@click.option("--merge", is_flag=True, help="Add the cluster to --into and make it current.")
@click.option(
    "--into",
    default=Path("~/.kube/config"),
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file that --merge changes.",
)
def kubeconfig(source: Path, merge: bool, into: Path) -> None:
    """Print the running cluster's kubeconfig, or merge it into your own."""
    from kube.client import kubeconfig as files  # noqa: PLC0415  # help comes without it

    source = source.expanduser()
    try:
        config = files.load(source)
        if not merge:
            click.echo(source.read_text(), nl=False)
            return
        files.merge_into(into.expanduser(), config)
    except files.ConfigNotFoundError:
        raise CommandError(f"{source} does not exist; start a cluster first: kube up") from None
    except (files.KubeconfigError, OSError) as error:
        raise CommandError(str(error)) from None
    click.echo(f"Added context {config.current_context} to {into} and made it current.")
