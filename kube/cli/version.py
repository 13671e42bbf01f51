"""``kube version``."""

import json
import platform

import click

from kube.base.version import KUBERNETES_GIT_VERSION, VERSION


@click.command()
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
def version(output: str) -> None:
    """Print the version of this program and of the Kubernetes it is."""
    if output == "json":
        facts = {
            "version": VERSION,
            "kubernetesVersion": KUBERNETES_GIT_VERSION,
            "pythonVersion": platform.python_version(),
        }
        click.echo(json.dumps(facts))
        return
    click.echo(
        f"kube-actors {VERSION} (Kubernetes {KUBERNETES_GIT_VERSION}, Python {platform.python_version()})"
    )
