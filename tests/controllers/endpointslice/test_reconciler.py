"""Every endpoint is in one slice, slices are bounded, and as few as can be are written."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from services import service

from kube.api.types.core_v1 import ObjectReference
from kube.api.types.discovery_v1 import Endpoint, EndpointConditions, EndpointPort
from kube.controllers.endpointslice.reconciler import (
    HEADLESS,
    MANAGED_BY,
    SERVICE_NAME,
    TRIGGER_TIME,
    plan,
    slice_labels,
    with_trigger_time,
)

WEB = service()
PORTS = (EndpointPort(name="http", port=8080, protocol="TCP"),)
OTHER_PORTS = (EndpointPort(name="http", port=9090, protocol="TCP"),)


def endpoint(number, *, ready=True):
    return Endpoint(
        addresses=(f"10.0.0.{number}",),
        conditions=EndpointConditions(ready=ready),
        target_ref=ObjectReference(kind="Pod", namespace="default", name=f"pod-{number}"),
    )


class Api:
    """Carries plans out."""

    def __init__(self, most=4):
        self.most = most
        self.slices = {}
        self.made = 0
        self.writes = 0

    def sync(self, desired, web=WEB):
        todo = plan(web, "IPv4", desired, tuple(self.slices.values()), most=self.most)
        for slice_ in todo.create:
            self.made += 1
            name = f"web-{self.made}"
            self.slices[name] = replace(slice_, metadata=replace(slice_.metadata, name=name))
        for slice_ in todo.update:
            assert self.slices[slice_.metadata.name] != slice_
            self.slices[slice_.metadata.name] = slice_
        for slice_ in todo.delete:
            del self.slices[slice_.metadata.name]
        self.writes = len(todo.create) + len(todo.update) + len(todo.delete)
        return todo

    def endpoints(self):
        return [(s.ports, e) for s in self.slices.values() for e in s.endpoints]


states = st.dictionaries(st.integers(0, 30), st.tuples(st.booleans(), st.booleans()))


def desired_of(state):
    desired = {}
    for number, (ready, other) in state.items():
        desired.setdefault(OTHER_PORTS if other else PORTS, []).append(endpoint(number, ready=ready))
    return desired


@given(st.lists(states, min_size=1, max_size=6))
def test_slices_hold_what_is_desired(history):
    api = Api()
    for state in history:
        desired = desired_of(state)
        api.sync(desired)
        expected = [(ports, each) for ports, endpoints in desired.items() for each in endpoints]
        assert sorted(api.endpoints(), key=repr) == sorted(expected, key=repr)
        assert all(len(slice_.endpoints) <= api.most for slice_ in api.slices.values())
        assert api.slices, "there is always one"
        api.sync(desired)
        assert api.writes == 0, "a second sync writes nothing"


@given(states, st.integers(0, 30))
def test_one_change_is_one_write(state, number):
    api = Api()
    state = {key: (ready, False) for key, (ready, _) in state.items()}
    api.sync(desired_of(state))
    ready = not state.get(number, (False, False))[0]
    api.sync(desired_of({**state, number: (ready, False)}))
    assert api.writes == 1


@given(st.integers(1, 40), st.integers(1, 10))
def test_a_fresh_service_is_packed_tightly(count, most):
    api = Api(most)
    api.sync({PORTS: [endpoint(number) for number in range(count)]})
    assert len(api.slices) == ceil(count / most)


def test_a_slice_that_is_written_anyway_is_filled_first():
    api = Api()
    api.sync({PORTS: [endpoint(number) for number in range(6)]})
    api.sync({PORTS: [endpoint(number) for number in (1, 2, 3, 4, 5, 6)]})
    assert api.writes == 1
    assert sorted(len(slice_.endpoints) for slice_ in api.slices.values()) == [2, 4]


def test_what_is_left_goes_into_the_fullest_slice_with_room():
    api = Api(5)
    api.sync({PORTS: [endpoint(number) for number in range(10)]})
    api.sync({PORTS: [endpoint(number) for number in (0, 1, 2, 5, 6, 7, 8)]})
    assert sorted(len(slice_.endpoints) for slice_ in api.slices.values()) == [3, 4]
    api.sync({PORTS: [endpoint(number) for number in (0, 1, 2, 5, 6, 7, 8, 9)]})
    assert sorted(len(slice_.endpoints) for slice_ in api.slices.values()) == [3, 5]


def test_the_placeholder_is_taken_over():
    api = Api()
    api.sync({})
    (placeholder,) = api.slices.values()
    assert (placeholder.ports, placeholder.endpoints) == ((), ())
    todo = api.sync({PORTS: [endpoint(1)]})
    assert (len(todo.create), len(todo.update), len(todo.delete)) == (0, 1, 0)
    todo = api.sync({})
    assert (len(todo.create), len(todo.update), len(todo.delete)) == (0, 1, 0)


def test_slices_of_an_earlier_service_of_the_name_go():
    api = Api()
    api.sync({PORTS: [endpoint(1)]})
    again = replace(WEB, metadata=replace(WEB.metadata, uid="another"))
    todo = api.sync({PORTS: [endpoint(1)]}, again)
    assert (len(todo.create), len(todo.update), len(todo.delete)) == (1, 0, 1)


def test_a_service_that_goes_gets_no_new_slices():
    going = replace(WEB, metadata=replace(WEB.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))
    assert not plan(going, "IPv4", {PORTS: [endpoint(1)]}, ())


def test_labels_are_the_services_and_our_own():
    assert slice_labels(WEB) == {
        "tier": "front",
        SERVICE_NAME: "web",
        MANAGED_BY: "endpointslice-controller.k8s.io",
    }
    assert slice_labels(service(cluster_ip="None"))[HEADLESS] == ""
    api = Api()
    api.sync({PORTS: [endpoint(1)]})
    (made,) = api.slices.values()
    assert made.metadata.generate_name == "web-"
    (owner,) = made.metadata.owner_references
    assert (owner.kind, owner.name, owner.uid, owner.controller) == ("Service", "web", "uid-web", True)
    relabelled = replace(WEB, metadata=replace(WEB.metadata, labels={"tier": "back"}))
    api.sync({PORTS: [endpoint(1)]}, relabelled)
    assert api.writes == 1


def test_trigger_time_is_said_or_taken_back():
    (made,) = plan(WEB, "IPv4", {}, ()).create
    said = with_trigger_time(made, "2026-01-01T00:00:00Z")
    assert said.metadata.annotations == {TRIGGER_TIME: "2026-01-01T00:00:00Z"}
    assert with_trigger_time(said, "").metadata.annotations == {}
