"""Writing statuses: what differs, over what others have written."""

from typing import Any

import pytest
from msgspec.structs import replace

from kube.api.resources import builtin_table
from kube.api.types.core_v1 import Pod, PodCondition, PodStatus
from kube.apimachinery.errors import ApiError, conflict, not_found, service_unavailable
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client.typed import TypedClient
from kube.kubelet.status_manager import StatusManager, merge_status

POD = Pod(metadata=ObjectMeta(name="web", namespace="default", uid="u", resource_version="5"))
RUNS = PodStatus(phase="Running", conditions=(PodCondition(type="Ready", status="True"),))


class Server:
    """Holds one pod; each of ``faults`` is raised by one write."""

    def __init__(self, pod: Pod, *faults: ApiError) -> None:
        self.pod = pod
        self.faults = list(faults)
        self.calls: list[Any] = []

    async def call(self, request):
        self.calls.append(request)
        if request.verb == "get":
            return self.pod
        if self.faults:
            raise self.faults.pop(0)
        if request.verb == "update":
            self.pod = request.body
        return self.pod


def manager(server):
    return StatusManager(TypedClient(server, resources=builtin_table()))


async def test_what_does_not_differ_is_not_written():
    server = Server(POD)
    assert await manager(server).write(POD, POD.status) is POD
    assert server.calls == []


async def test_after_a_conflict_the_conditions_of_others_are_kept():
    foreign = PodCondition(type="x.io/lb", status="True")
    newer = replace(POD, status=PodStatus(conditions=(foreign,)))
    server = Server(newer, conflict("pods", "web"))
    written = await manager(server).write(POD, RUNS)
    assert written.status.phase == "Running"
    assert [each.type for each in written.status.conditions] == ["x.io/lb", "Ready"]


@pytest.mark.parametrize(
    "server",
    [
        Server(POD, not_found("pods", "web")),
        Server(replace(POD, metadata=replace(POD.metadata, uid="other")), conflict("pods", "web")),
    ],
    ids=["gone", "another"],
)
async def test_a_pod_that_is_gone_is_none(server):
    assert await manager(server).write(POD, RUNS) is None


async def test_other_failures_are_the_callers():
    with pytest.raises(ApiError):
        await manager(Server(POD, service_unavailable("no"))).write(POD, RUNS)


async def test_a_pod_is_deleted_by_its_uid_at_once():
    server = Server(POD)
    await manager(server).delete(POD)
    [request] = server.calls
    assert request.options.delete.grace_period_seconds == 0
    assert request.options.delete.preconditions.uid == "u"


@pytest.mark.parametrize(
    "fault", [not_found("pods", "web"), conflict("pods", "web")], ids=["gone", "another"]
)
async def test_a_pod_that_is_gone_already_is_fine(fault):
    await manager(Server(POD, fault)).delete(POD)


def test_fields_of_others_stay():
    merged = merge_status(PodStatus(nominated_node_name="n", resize="Deferred"), RUNS)
    assert (merged.nominated_node_name, merged.resize, merged.phase) == ("n", "Deferred", "Running")
