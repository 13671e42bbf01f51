"""The rules of Events, as core/v1 takes them and, more strictly, as events.k8s.io/v1 does.

Both versions are one stored kind; the stricter rules hold for what is written through the newer API. Source of the
semantics: pkg/apis/core/validation (events.go), KEP-383.
"""

from __future__ import annotations

from typing import Final

from kube.api.types.core_v1 import Event
from kube.api.validation.checks import (
    Errors,
    dns1123_subdomain,
    label_key,
    name_is_dns_subdomain,
    report,
    validate_immutable,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.apimachinery.field import Path, invalid, required
from kube.apimachinery.names import longer_than, path_segment_name

_SHORT: Final = 128
_NOTE: Final = 1024
_NAMESPACE: Final = Path("involvedObject").child("namespace")
_UNMATCHED: Final = "does not match event.namespace"


def validate_event(event: Event) -> Errors:
    """An event created through core/v1; its name may be any that a path can hold."""
    return _validate_content(event) or validate_object_meta(event.metadata, True, path_segment_name)


def _validate_content(event: Event) -> Errors:
    """What holds of every event."""
    errors: Errors = []
    about, namespace = event.involved_object.namespace, event.metadata.namespace
    if event.event_time is None:
        matches = namespace == about or (not about and namespace in ("", "default"))
    else:
        matches = bool(about) or namespace in ("default", "kube-system")
    if not matches:
        errors.append(invalid(_NAMESPACE, about, _UNMATCHED))
    if event.event_time is not None:
        _validate_new_style(event, errors)
    report(Path("namespace"), namespace, dns1123_subdomain(namespace), errors)
    return errors


def _validate_new_style(event: Event, errors: Errors) -> None:
    controller = event.reporting_component
    if not controller:
        errors.append(required(Path("reportingController")))
    report(Path("reportingController"), controller, label_key(controller), errors)
    for name, text in (
        ("reportingInstance", event.reporting_instance),
        ("action", event.action),
        ("reason", event.reason),
    ):
        if not text:
            errors.append(required(Path(name)))
        if longer_than(text, _SHORT):
            errors.append(invalid(Path(name), "", f"can have at most {_SHORT} characters"))
    if longer_than(event.message, _NOTE):
        errors.append(invalid(Path("message"), "", f"can have at most {_NOTE} characters"))


def validate_event_update(new: Event, old: Event) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata) + _validate_content(new)


def validate_new_event(event: Event) -> Errors:
    """An event created through events.k8s.io/v1."""
    errors = _validate_content(event)
    errors += validate_object_meta(event.metadata, True, name_is_dns_subdomain)
    _validate_series(event, errors)
    if event.event_time is None:
        errors.append(required(Path("eventTime")))
    if event.type not in ("Normal", "Warning"):
        errors.append(invalid(Path("type"), "", f"has invalid value: {event.type}"))
    for name, given in (
        ("firstTimestamp", event.first_timestamp is not None),
        ("lastTimestamp", event.last_timestamp is not None),
        ("count", event.count != 0),
        ("source", event.source.component or event.source.host),
    ):
        if given:
            errors.append(invalid(Path(name), "", "needs to be unset"))
    return errors


def _validate_series(event: Event, errors: Errors) -> None:
    if event.series is None:
        return
    if event.series.count < 2:
        errors.append(invalid(Path("series.count"), "", "should be at least 2"))
    if event.series.last_observed_time is None:
        errors.append(required(Path("series.lastObservedTime")))


_IMMUTABLE: Final = (
    ("involved_object", "involvedObject"),
    ("reason", "reason"),
    ("message", "message"),
    ("source", "source"),
    ("first_timestamp", "firstTimestamp"),
    ("last_timestamp", "lastTimestamp"),
    ("count", "count"),
    ("reason", "reason"),
    ("type", "type"),
    ("event_time", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    ("reporting_component", "reportingController"),
    ("reporting_instance", "reportingInstance"),
)


def validate_new_event_update(new: Event, old: Event) -> Errors:
    """An event updated through events.k8s.io/v1: only its series may change."""
    errors = _validate_content(new)
    errors += validate_object_meta_update(new.metadata, old.metadata)
    if new.series != old.series:
        _validate_series(new, errors)
    for attribute, name in _IMMUTABLE:
        validate_immutable(getattr(new, attribute), getattr(old, attribute), Path(name), errors)
    return errors
