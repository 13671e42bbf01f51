"""``kube bench``: the benchmarks of a source checkout."""

import json
import subprocess
import sys
from pathlib import Path

import click

from kube.cli.errors import CommandError

ROOT = Path(__file__).parents[2]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--list", "listing", is_flag=True, help="Name the benchmarks.")
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
def bench(name: str | None, arguments: tuple[str, ...], listing: bool, output: str) -> None:
    """Run a benchmark, or all of a folder: tables on standard output, JSON and plots below benchmarks/results."""
    if not (ROOT / "benchmarks" / "harness.py").exists():
        raise CommandError("the benchmarks come with the source: run this in a checkout")
    known = _names()
    if listing or name is None:
        click.echo(json.dumps(known) if output == "json" else "\n".join(known))
        return
    chosen = [each for each in known if each == name or each.startswith(f"{name}/")]
    if not chosen:
        raise click.UsageError(f"no benchmark is called {name}; there are: {', '.join(known)}")
    if arguments and chosen != [name]:
        raise click.UsageError(
            f"{name} is several benchmarks; arguments go to one of them: {', '.join(chosen)}"
        )
    for each in chosen:
        done = subprocess.run(  # noqa: S603  # our own interpreter, and a name from our own list
            [sys.executable, "-m", "benchmarks.harness", each, *arguments], cwd=ROOT, check=False
        )
        if done.returncode:
            sys.exit(done.returncode)
        if output == "json":
            click.echo((ROOT / "benchmarks" / "results" / f"{each.replace('/', '-')}.json").read_text())


def _names() -> list[str]:
    root = ROOT / "benchmarks"
    return sorted(
        path.relative_to(root).with_suffix("").as_posix()
        for path in root.glob("*/*.py")
        if "\nDESCRIPTION" in path.read_text()
    )
