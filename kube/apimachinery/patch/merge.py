"""JSON merge patch (RFC 7386)."""

from __future__ import annotations

from kube.apimachinery.jsontext import MAX_DEPTH_EXCEEDED, JsonTree
from kube.apimachinery.patch.errors import PatchFormatError
from kube.apimachinery.patch.json_patch import equal


def merge(target: JsonTree, patch: JsonTree) -> JsonTree:
    """The target with the patch merged in. Neither changes; the result may share their parts.

    Raises PatchFormatError where the nesting is too deep.
    """
    try:
        return _merge(target, patch)
    except RecursionError:
        raise PatchFormatError(MAX_DEPTH_EXCEEDED) from None


def _merge(target: JsonTree, patch: JsonTree) -> JsonTree:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged


def diff(original: JsonTree, modified: JsonTree) -> JsonTree:
    """The merge patch that makes `modified` of `original`, both objects.

    A member of `modified` that is null is beyond what a merge patch can say: it will be absent.
    """
    patch = {name: None for name in original if name not in modified}
    for name, value in modified.items():
        held = original.get(name)
        if isinstance(held, dict) and isinstance(value, dict):
            if changes := diff(held, value):
                patch[name] = changes
        elif name not in original or not equal(held, value):
            patch[name] = value
    return patch
