"""The two Event kinds say the same."""

import pytest

from kube.api.conversion.convert import convert
from kube.api.types import core_v1, events_v1
from kube.api.types.core_v1 import EventSource, ObjectReference
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.time import MicroTime, Time

NOW = Time("2026-01-01T00:00:00Z")
THEN = MicroTime("2026-01-01T00:00:00.000001Z")

FULL = core_v1.Event(
    metadata=ObjectMeta(name="e", namespace="n"),
    involved_object=ObjectReference(kind="Pod", name="p"),
    reason="R",
    message="m",
    source=EventSource(component="c", host="h"),
    first_timestamp=NOW,
    last_timestamp=NOW,
    count=3,
    type="Normal",
    event_time=THEN,
    series=core_v1.EventSeries(count=2, last_observed_time=THEN),
    action="Act",
    related=ObjectReference(kind="Node", name="n"),
    reporting_component="rc",
    reporting_instance="ri",
)


@pytest.mark.parametrize("event", [FULL, core_v1.Event()], ids=["full", "empty"])
def test_nothing_is_lost(event):
    new = convert(event, events_v1.Event)
    assert (new.regarding, new.note, new.deprecated_count) == (
        event.involved_object,
        event.message,
        event.count,
    )
    assert convert(new, core_v1.Event) == event
