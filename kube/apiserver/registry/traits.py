# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Small kinds whose strategies differ in a detail: events that expire, leases that are made by PUT.

Source of the semantics: pkg/registry (strategy.go of each kind).
"""

from typing import ClassVar, Final

from kube.api.types.core_v1 import Event
from kube.api.validation.event import (
    validate_event,
    validate_event_update,
    validate_new_event,
    validate_new_event_update,
)
from kube.apimachinery.field import FieldError
from kube.apiserver.registry.strategy import Context, GarbageCollectionPolicy, Strategy

EVENT_TTL: Final = 3600
"""Seconds that an event lives after its last write (``--event-ttl``)."""


class CreatedByUpdateStrategy(Strategy):
    """A PUT to a name that does not exist creates."""

    allow_create_on_update: ClassVar[bool] = True


class VersionedStrategy(Strategy):
    """An update must name the resourceVersion that it replaces."""

    allow_unconditional_update: ClassVar[bool] = False


class VersionedOrCreatedStrategy(Strategy):
    """Both: a lease is renewed by who knows its last state, and taken by whoever comes first."""

    allow_create_on_update: ClassVar[bool] = True
    allow_unconditional_update: ClassVar[bool] = False


class EventStrategy(Strategy):
    allow_create_on_update: ClassVar[bool] = True
    garbage_collection_policy: ClassVar[GarbageCollectionPolicy] = "Unsupported"

    def validate(self, ctx: Context, obj: Event) -> list[FieldError]:
        """What is written through events.k8s.io/v1 must be complete."""
        return validate_event(obj) if not ctx.resource.group else validate_new_event(obj)

    def validate_update(self, ctx: Context, new: Event, old: Event) -> list[FieldError]:
        if not ctx.resource.group:
            return validate_event_update(new, old)
        return validate_new_event_update(new, old)

    def ttl(self, obj: Event) -> int:
        return EVENT_TTL
