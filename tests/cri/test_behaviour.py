"""The annotations of simulated pods."""

import random

import pytest

from kube.cri.behaviour import (
    FOREVER,
    PREFIX,
    Behaviour,
    BehaviourError,
    behaviour_of,
    default_behaviour,
    has_readiness,
    pull_behaviour,
)

PLAIN = Behaviour()


def read(annotations, container="web", attempt=0):
    keyed = {f"{PREFIX}{key}": value for key, value in annotations.items()}
    return behaviour_of(keyed, container, attempt, PLAIN, random.Random(1))


@pytest.mark.parametrize(
    ("annotations", "changes"),
    [
        ({}, {}),
        ({"start-delay": "1.5s"}, {"start_delay": 1.5}),
        ({"start-delay": "2"}, {"start_delay": 2.0}),
        ({"run-time": "1m"}, {"run_time": 60.0}),
        ({"run-time": "forever"}, {"run_time": FOREVER}),
        ({"run-time": "1s,2s"}, {"run_time": 1.0}),
        ({"exit-code": "3"}, {"exit_code": 3}),
        ({"stop-delay": "500ms", "stop-exit-code": "0"}, {"stop_delay": 0.5, "stop_exit_code": 0}),
        ({"readiness": "false"}, {"ready_after": FOREVER}),
        ({"readiness": "true"}, {}),
        ({"readiness-delay": "4s"}, {"ready_after": 4.0}),
        ({"liveness-fail-after": "7s"}, {"live_until": 7.0}),
        ({"startup-delay": "3s"}, {"started_after": 3.0}),
        ({"create-error": "no"}, {"create_error": "no"}),
        ({"termination-message": "bye", "logs": "hi"}, {"termination_message": "bye", "logs": "hi"}),
        ({"exit-code": "3", "exit-code.web": "4", "exit-code.other": "5"}, {"exit_code": 4}),
    ],
    ids=str,
)
def test_each_key(annotations, changes):
    assert read(annotations) == Behaviour(**changes)


@pytest.mark.parametrize(("attempt", "code"), [(0, 1), (1, 2), (2, 0), (7, 0)])
def test_a_list_goes_by_attempt_and_its_last_stays(attempt, code):
    assert read({"exit-code": "1, 2, 0"}, attempt=attempt).exit_code == code


def test_a_range_is_drawn_from_the_given_chance():
    first, second = read({"run-time": "1s..5s"}), read({"run-time": "1s..5s"})
    assert first == second
    assert 1 <= first.run_time <= 5


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("run-time", "soon"),
        ("run-time", "-1s"),
        ("run-time", "5s..1s"),
        ("run-time", "1s..forever"),
        ("exit-code", "256"),
        ("exit-code", "x"),
        ("readiness", "maybe"),
    ],
)
def test_what_cannot_be_read_names_its_annotation(key, text):
    with pytest.raises(BehaviourError, match=f"{PREFIX}{key}"):
        read({key: text})


@pytest.mark.parametrize(
    ("kind", "policy", "run_time"),
    [
        ("init", "Always", 0.0),
        ("sidecar", "Never", FOREVER),
        ("regular", "Always", FOREVER),
        ("regular", "OnFailure", 1.0),
        ("regular", "Never", 1.0),
    ],
)
def test_what_is_said_by_nobody_follows_from_the_restart_policy(kind, policy, run_time):
    assert default_behaviour(kind, policy).run_time == run_time


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, (0.0, 0, False)),
        ({"image-pull-delay": "2s"}, (2.0, 0, True)),
        ({"image-pull-failures": "3"}, (0.0, 3, True)),
        ({"image-pull-failures": "forever"}, (0.0, FOREVER, True)),
    ],
    ids=str,
)
def test_pulls(annotations, expected):
    keyed = {f"{PREFIX}{key}": value for key, value in annotations.items()}
    pull = pull_behaviour(keyed, "", random.Random(1))
    assert (pull.delay, pull.failures, pull.absent) == expected


def test_readiness_is_asked_for_only_where_it_is_spoken_of():
    assert has_readiness({f"{PREFIX}readiness-delay": "1s"}, "web")
    assert has_readiness({f"{PREFIX}readiness.web": "false"}, "web")
    assert not has_readiness({f"{PREFIX}readiness.web": "false"}, "other")
    assert not has_readiness({"readiness": "false"}, "web")
