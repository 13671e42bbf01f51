"""Objects from JSON trees, with changes at dotted paths."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kube.api.defaults import default
from kube.apimachinery.serializer import decode

ABSENT = object()


def apply(tree: Any, changes: Mapping[str, Any]) -> Any:
    tree = copy.deepcopy(tree)
    for path, value in changes.items():
        *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
        node = tree
        for step in parents:
            node = node.setdefault(step, {}) if isinstance(node, dict) else node[step]
        if isinstance(node, list) and last == len(node):
            node.append(value)
        elif value is ABSENT:
            del node[last]
        else:
            node[last] = value
    return tree


@pytest.fixture(scope="session")
def build() -> Callable[..., Any]:
    """``build(type, tree, changes)``: the defaulted object; ``defaulted=False`` for the bare one."""

    def build(cls: type, tree: Any, changes: Mapping[str, Any] | None = None, defaulted: bool = True) -> Any:
        obj = decode(cls, json.dumps(apply(tree, changes or {})).encode())
        return default(obj) if defaulted else obj

    return build
