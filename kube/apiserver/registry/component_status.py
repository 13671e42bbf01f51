"""componentstatuses: nothing is stored, the list says how the control plane is at this moment.

Source of the semantics: pkg/registry/core/componentstatus/rest.go.
"""

from collections.abc import Callable, Sequence

from kube.api.types.core_v1 import ComponentStatus
from kube.apimachinery.errors import not_found
from kube.apiserver.registry.rest import ObjectResult
from kube.apiserver.registry.strategy import Context
from kube.apiserver.storage.interface import Entry, ListOptions, ListResult


class ComponentStatuses:
    """``components`` is asked anew for each request."""

    def __init__(self, components: Callable[[], Sequence[ComponentStatus]]) -> None:
        self._components = components

    async def get(self, ctx: Context, name: str, resource_version: str = "") -> ObjectResult:  # noqa: ARG002  # rest's signature
        for component in self._components():
            if component.metadata.name == name:
                return ObjectResult(component)
        raise not_found("componentstatuses", name)

    async def list(self, ctx: Context, options: ListOptions) -> ListResult:  # noqa: ARG002  # rest's signature
        matches = options.selection.matches
        entries = [
            Entry(b"", 0, component)
            for component in sorted(self._components(), key=lambda each: each.metadata.name)
            if matches is None or matches(component)
        ]
        return ListResult(entries=entries, resource_version="")
