"""What no linter checks of the house's style, as failing tests."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HERE = "tests/test_tidy.py"  # which names what it forbids
FOLDERS = ("kube", "tests", "benchmarks", "scripts", "docs", "examples", ".ci")
TEXT = {"", ".py", ".md", ".toml", ".txt", ".yaml", ".yml"}
GENERATED = ("kube/api/types/", "kube/apimachinery/meta/v1.py")
LONGEST = 600

FORBIDDEN = {
    "unfinished": r"\b(?:TODO|FIXME)\b|raise NotImplementedError",
    "an ignore without its code": r"#\s*(?:noqa(?!: [A-Z]+\d)|type: ?ignore(?!\[)|mypy: ?ignore)",
    "a folder of one machine": r"/(?:work|root|opt|tmp)/|/home/\w|\.pyenv\b",
}
# Folders of tests that mirror no folder: whole programs and documents, what every kind of store promises, real processes.
WHOLE = {"conformance", "docs", "e2e", "integration", "simulation", "testdata"}
WHOLE_STORES = {"store/contract", "store/processes", "store/suites"}
# Packages whose tests lie beside those of the package that holds them.
BESIDE = {"kube/apiserver/admission/plugins": "tests/apiserver/admission"}


@cache
def texts() -> dict[str, str]:
    """Path below the root to content, of everything that is written by hand."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    names = {path.relative_to(ROOT).as_posix(): path for path in sorted(files)}
    return {
        name: path.read_text(encoding="utf-8")
        for name, path in names.items()
        if path.suffix in TEXT
        and not {"__pycache__", "results"}.intersection(path.parts)
        and not name.startswith(GENERATED)
    }


def modules(folder: str = "") -> Iterator[tuple[str, str]]:
    return (
        (name, text) for name, text in texts().items() if name.endswith(".py") and name.startswith(folder)
    )


def packages(folder: str) -> list[str]:
    return [path.parent.relative_to(ROOT).as_posix() for path in sorted((ROOT / folder).rglob("__init__.py"))]


def test_there_is_something_to_look_at() -> None:
    assert len(list(modules("kube/"))) > 400
    assert {"Makefile", ".ci/run", "README.md", "scripts/venv", "docs/store.md"} <= texts().keys()


def test_no_module_is_longer_than_one_thing_needs() -> None:
    lengths = {name: len(text.splitlines()) for name, text in modules()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN)
def test_nothing_is_left_in_the_tree_that_is(pattern: str) -> None:
    assert [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        if name != HERE
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("unfinished", "# TODO later"),
        ("unfinished", "raise NotImplementedError"),
        ("an ignore without its code", "x = 1  # noqa"),
        ("an ignore without its code", "x = 1  # noqa: too long"),
        ("an ignore without its code", "x = 1  # type: ignore"),
        ("a folder of one machine", "open('/root/x')"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: str, line: str) -> None:
    assert re.search(FORBIDDEN[pattern], line)


def test_every_package_says_what_lives_there_and_holds_nothing_else() -> None:
    silent, busy = [], []
    for package in packages("kube"):
        tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            silent.append(package)
        if any(isinstance(node, ast.ClassDef | ast.AsyncFunctionDef) for node in tree.body):
            busy.append(package)
    assert (silent, busy) == ([], [])


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "kube").rglob("*.py")}
    assert sorted(folders - set(packages("kube"))) == []


def test_nothing_inside_imports_the_root() -> None:
    """The front door is for others: inside, what is needed is imported from where it lives."""
    guilty = []
    for name, text in modules("kube/"):
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Import(names=names) if any(alias.name == "kube" for alias in names):
                    guilty.append(f"{name}:{node.lineno}")
                case ast.ImportFrom(module="kube", level=0):
                    guilty.append(f"{name}:{node.lineno}")
                case ast.ImportFrom(level=level) if level:
                    guilty.append(f"{name}:{node.lineno}: relative")
    assert guilty == []


def _has_tests(package: str) -> bool:
    """A folder of its own, or files named after it in the folder above, or the place that BESIDE names."""
    own = ROOT / "tests" / package.removeprefix("kube/")
    beside = ROOT / BESIDE.get(package, package.replace("kube/", "tests/", 1))
    return (
        any(own.rglob("test_*.py"))
        or any(own.parent.glob(f"test_{own.name}*.py"))
        or (package in BESIDE and any(beside.glob("test_*.py")))
    )


def test_every_package_has_tests_where_one_looks_for_them() -> None:
    assert [package for package in packages("kube")[1:] if not _has_tests(package)] == []


def test_every_folder_of_tests_mirrors_a_package_or_module() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")} - {
        Path()
    }
    strangers = [
        folder.as_posix()
        for folder in sorted(folders)
        if folder.parts[0] not in WHOLE
        and folder.as_posix() not in WHOLE_STORES
        and not (ROOT / "kube" / folder).is_dir()
        and not (ROOT / "kube" / folder).with_suffix(".py").is_file()
    ]
    assert strangers == []


@pytest.mark.parametrize("module", ["kube", "kube.testing.plugin", "kube.cli.main"])
def test_the_front_doors_import_nothing_heavy(module: str) -> None:
    heavy = {"aiohttp", "numpy", "msgspec", "cryptography", "uvloop", "yaml"}
    code = f"import sys, {module}; print(*sorted({heavy!r}.intersection(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
