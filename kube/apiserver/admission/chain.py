"""The admission chain: first all mutators in order, later all validators."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from kube.apiserver.admission.interface import Attributes, Mutator, Operation, Validator


class Chain:
    """Plug-ins in their order. One that both mutates and validates is named in both lists.

    What applies to an operation on a resource is looked up once and remembered.
    """

    def __init__(self, mutators: Sequence[Mutator] = (), validators: Sequence[Validator] = ()) -> None:
        self._mutators = tuple(mutators)
        self._validators = tuple(validators)
        self._mutating: dict[tuple[Operation, str, str], tuple[Mutator, ...]] = {}
        self._validating: dict[tuple[Operation, str, str], tuple[Validator, ...]] = {}

    def mutators(self, operation: Operation, group: str, plural: str) -> tuple[Mutator, ...]:
        key = (operation, group, plural)
        found = self._mutating.get(key)
        if found is None:
            found = self._mutating[key] = tuple(
                plugin
                for plugin in self._mutators
                if operation in plugin.operations
                and (plugin.resources is None or (group, plural) in plugin.resources)
            )
        return found

    def validators(self, operation: Operation, group: str, plural: str) -> tuple[Validator, ...]:
        key = (operation, group, plural)
        found = self._validating.get(key)
        if found is None:
            found = self._validating[key] = tuple(
                plugin
                for plugin in self._validators
                if operation in plugin.operations
                and (plugin.resources is None or (group, plural) in plugin.resources)
            )
        return found

    async def admit(self, attributes: Attributes) -> Any:
        """The object after all mutators. Raises ApiError."""
        resource = attributes.resource
        for plugin in self.mutators(attributes.operation, resource.group, resource.plural):
            obj = await plugin.admit(attributes)
            if obj is not attributes.object:
                attributes = replace(attributes, object=obj)
        return attributes.object

    async def validate(self, attributes: Attributes) -> None:
        """Raises ApiError, that of the first validator that refuses."""
        resource = attributes.resource
        for plugin in self.validators(attributes.operation, resource.group, resource.plural):
            await plugin.validate(attributes)
