"""Events of ``events.k8s.io/v1`` and of the core group, which are the same objects under other names.

Source of the semantics: pkg/apis/events/v1/conversion.go; KEP-383.
"""

from kube.api.types import core_v1, events_v1


def to_events_v1(event: core_v1.Event) -> events_v1.Event:
    series = event.series
    return events_v1.Event(
        metadata=event.metadata,
        event_time=event.event_time,
        series=None
        if series is None
        else events_v1.EventSeries(count=series.count, last_observed_time=series.last_observed_time),
        reporting_controller=event.reporting_component,
        reporting_instance=event.reporting_instance,
        action=event.action,
        reason=event.reason,
        regarding=event.involved_object,
        related=event.related,
        note=event.message,
        type=event.type,
        deprecated_source=event.source,
        deprecated_first_timestamp=event.first_timestamp,
        deprecated_last_timestamp=event.last_timestamp,
        deprecated_count=event.count,
    )


def from_events_v1(event: events_v1.Event) -> core_v1.Event:
    series = event.series
    return core_v1.Event(
        metadata=event.metadata,
        involved_object=event.regarding,
        reason=event.reason,
        message=event.note,
        source=event.deprecated_source,
        first_timestamp=event.deprecated_first_timestamp,
        last_timestamp=event.deprecated_last_timestamp,
        count=event.deprecated_count,
        type=event.type,
        event_time=event.event_time,
        series=None
        if series is None
        else core_v1.EventSeries(count=series.count, last_observed_time=series.last_observed_time),
        action=event.action,
        related=event.related,
        reporting_component=event.reporting_controller,
        reporting_instance=event.reporting_instance,
    )
