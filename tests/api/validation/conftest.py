"""Tables of changes: what is wrong with a changed object, or with a change of an object."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kube.api.validation import validate, validate_update


@pytest.fixture
def faults(build) -> Callable[..., list[str]]:
    """``faults(type, tree, changes)``: the errors of creating the changed object."""

    def faults(cls: type, tree: Any, changes: Mapping[str, Any]) -> list[str]:
        return [str(error) for error in validate(build(cls, tree, changes))]

    return faults


@pytest.fixture
def update_faults(build) -> Callable[..., list[str]]:
    """``update_faults(type, tree, before, after, subresource)``: the errors of changing one into the other."""

    def update_faults(
        cls: type, tree: Any, before: Mapping[str, Any], after: Mapping[str, Any], subresource: str = ""
    ) -> list[str]:
        new, old = build(cls, tree, after), build(cls, tree, before)
        return [str(error) for error in validate_update(new, old, subresource)]

    return update_faults
