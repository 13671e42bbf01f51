"""Events through core/v1, and the stricter rules of events.k8s.io/v1."""

import pytest

from kube.api.types.core_v1 import Event
from kube.api.validation.event import (
    validate_event,
    validate_new_event,
    validate_new_event_update,
)

OLD = {
    "metadata": {"name": "e.1", "namespace": "default", "resourceVersion": "1"},
    "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
    "reason": "Started",
    "type": "Normal",
}
NEW = {
    **OLD,
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "reportingComponent": "kubelet",
    "reportingInstance": "kubelet-n1",
    "action": "Start",
}
UNMATCHED = "does not match event.namespace"
CASES = {
    "old style": (OLD, {}, []),
    "new style": (NEW, {}, []),
    "other namespace": (
        OLD,
        {"involvedObject.namespace": "other"},
        [f'involvedObject.namespace: Invalid value: "other": {UNMATCHED}'],
    ),
    "cluster scoped object": (OLD, {"involvedObject.namespace": ""}, []),
    "cluster scoped object elsewhere": (
        OLD,
        {"involvedObject.namespace": "", "metadata.namespace": "x"},
        [f'involvedObject.namespace: Invalid value: "": {UNMATCHED}'],
    ),
    "new style of another namespace": (NEW, {"involvedObject.namespace": "other"}, []),
    "new style without its fields": (
        NEW,
        {
            "reportingComponent": "",
            "reportingInstance": "i" * 129,
            "action": "",
            "reason": "",
            "message": "m" * 1025,
        },
        [
            "reportingController: Required value",
            'reportingController: Invalid value: "": name part must be non-empty',
            'reportingController: Invalid value: "": name part must consist of',
            'reportingInstance: Invalid value: "": can have at most 128 characters',
            "action: Required value",
            "reason: Required value",
            'message: Invalid value: "": can have at most 1024 characters',
        ],
    ),
    "name": (OLD, {"metadata.name": "a/b"}, ["metadata.name: Invalid value: \"a/b\": may not contain '/'"]),
}


@pytest.mark.parametrize(("tree", "changes", "expected"), CASES.values(), ids=CASES)
def test_core_event(build, tree, changes, expected):
    errors = [str(error) for error in validate_event(build(Event, tree, changes))]
    assert len(errors) == len(expected), errors
    assert all(error.startswith(start) for error, start in zip(errors, expected, strict=True))


STRICT = {
    "sound": ({}, []),
    "old fields": (
        {
            "firstTimestamp": "2026-01-01T00:00:00Z",
            "lastTimestamp": "2026-01-01T00:00:00Z",
            "count": 1,
            "source": {"component": "c"},
            "type": "Odd",
        },
        [
            'type: Invalid value: "": has invalid value: Odd',
            'firstTimestamp: Invalid value: "": needs to be unset',
            'lastTimestamp: Invalid value: "": needs to be unset',
            'count: Invalid value: "": needs to be unset',
            'source: Invalid value: "": needs to be unset',
        ],
    ),
    "series": (
        {"series": {"count": 1}},
        [
            'series.count: Invalid value: "": should be at least 2',
            "series.lastObservedTime: Required value",
        ],
    ),
    "no time": ({"eventTime": None}, ["eventTime: Required value"]),
}


@pytest.mark.parametrize(("changes", "expected"), STRICT.values(), ids=STRICT)
def test_new_event(build, changes, expected):
    assert [str(error) for error in validate_new_event(build(Event, NEW, changes))] == expected


def test_only_the_series_of_a_new_event_changes(build):
    series = {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}}
    old = build(Event, NEW)
    assert validate_new_event_update(build(Event, NEW, series), old) == []
    changed = build(Event, NEW, {**series, "action": "Stop"})
    assert [str(error) for error in validate_new_event_update(changed, old)] == [
        'action: Invalid value: "Stop": field is immutable'
    ]
