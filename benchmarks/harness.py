"""What every benchmark shares: samples, a table, a JSON file and a plot.

A benchmark is a module with ``DESCRIPTION`` (what was built before the clock started, and what is checked) and
``run(report, arguments)``; it adds rows to the report. ``kube bench NAME`` finds it by its path below ``benchmarks/``.
"""

import html
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("aiohttp", "msgspec", "numpy", "uvloop")


@dataclass
class Row:
    """One measurement: ``samples`` in ``unit``; ``bar`` is what it is held against, better below or above."""

    name: str
    unit: str
    samples: list[float] = field(default_factory=list)
    bar: float | None = None
    better: str = "less"

    @property
    def met(self) -> bool | None:
        if self.bar is None:
            return None
        middle = statistics.median(self.samples)
        return middle <= self.bar if self.better == "less" else middle >= self.bar


class Report:
    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.name = name
        self.settings = settings
        self.rows: list[Row] = []

    def row(self, name: str, unit: str, *, bar: float | None = None, better: str = "less") -> Row:
        row = Row(name, unit, bar=bar, better=better)
        self.rows.append(row)
        return row

    def document(self) -> dict[str, Any]:
        return {
            "benchmark": self.name,
            "settings": self.settings,
            "machine": {
                "cpus": os.cpu_count(),
                "processor": platform.processor() or platform.machine(),
                "system": platform.platform(),
                "python": platform.python_version(),
                "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
            },
            "packages": {name: version(name) for name in PACKAGES},
            "rows": [
                {"name": r.name, "unit": r.unit, "bar": r.bar, "better": r.better, "samples": r.samples}
                for r in self.rows
            ],
        }

    def table(self) -> str:
        width = max([40, *(len(row.name) for row in self.rows)])
        lines = [f"{'':{width}} {'median':>12} {'min':>12} {'max':>12}  unit   bar"]
        for row in self.rows:
            middle = statistics.median(row.samples)
            mark = {True: "met", False: "missed", None: ""}[row.met]
            bar = "" if row.bar is None else f"{row.bar:,.10g} {mark}"
            lines.append(
                f"{row.name:{width}} {middle:>12,.4g} {min(row.samples):>12,.4g} {max(row.samples):>12,.4g}  "
                f"{row.unit:6} {bar}"
            )
        return "\n".join(lines)

    def save(self) -> Path:
        """Write NAME.json and NAME.html below ``benchmarks/results``."""
        path = RESULTS / f"{self.name.replace('/', '-')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.document(), indent=1))
        path.with_suffix(".html").write_text(self.plot())
        return path

    def plot(self) -> str:
        """A strip of every sample for each row, with its bar, as one HTML page."""
        width, step = 640, 56
        parts = []
        for number, row in enumerate(self.rows):
            y = number * step + 40
            top = max([*row.samples, row.bar or 0]) or 1
            points = "".join(
                f'<circle cx="{10 + sample / top * (width - 20):.1f}" cy="{y}" r="4" fill="#268" opacity=".6"/>'
                for sample in row.samples
            )
            bar = ""
            if row.bar is not None:
                x = 10 + row.bar / top * (width - 20)
                bar = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 12}" y2="{y + 12}" stroke="#c33"/>'
            middle = statistics.median(row.samples)
            label = html.escape(f"{row.name}: median {middle:,.4g} {row.unit} (full width {top:,.4g})")
            parts.append(f'<text x="10" y="{y - 16}" font-size="13">{label}</text>{points}{bar}')
        height = len(self.rows) * step + 40
        return (
            f"<!doctype html><meta charset=utf-8><title>{html.escape(self.name)}</title>"
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'font-family="sans-serif">{"".join(parts)}</svg>'
        )


@contextmanager
def timed(row: Row, *, scale: float = 1.0) -> Iterator[None]:
    """Add the seconds that the block takes, times ``scale``."""
    start = time.perf_counter()
    yield
    row.samples.append((time.perf_counter() - start) * scale)


def names() -> list[str]:
    root = Path(__file__).parent
    return sorted(
        str(path.relative_to(root).with_suffix(""))
        for path in root.glob("*/*.py")
        if "DESCRIPTION" in path.read_text() and path.name != "__init__.py"
    )


def run(name: str, arguments: list[str]) -> Report:
    """Run one benchmark; prints its table and writes its files. Raises LookupError for an unknown name."""
    from importlib import import_module  # noqa: PLC0415  # a benchmark is imported when it runs

    if name not in names():
        raise LookupError(name)
    module = import_module(f"benchmarks.{name.replace('/', '.')}")
    report = Report(name, {"arguments": arguments})
    print(f"{name}: {module.DESCRIPTION}", file=sys.stderr)
    module.run(report, arguments)
    print(report.table())
    print(f"\n{report.save()}", file=sys.stderr)
    return report


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
