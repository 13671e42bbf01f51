"""Pods on a simulated node, from their binding to their end."""

import pytest

from kube.api.helpers.pods import has_condition, is_pod_ready
from kube.api.types.core_v1 import Container, ExecAction, Pod, Probe, ResourceRequirements
from kube.apimachinery.errors import service_unavailable

SIDECAR = Container(name="proxy", image="proxy:1", restart_policy="Always")
CHECK = ExecAction(command=("check",))


async def test_a_bound_pod_runs(world):
    await world.node().start(world.system)
    await world.create("web")
    status = (await world.running("web")).status
    [container] = status.container_statuses
    assert container.ready
    assert container.started
    assert container.container_id.startswith("simulated://")
    assert (status.pod_ip, status.host_ip, status.qos_class) == ("10.244.0.2", "10.0.0.1", "BestEffort")
    assert [each.type for each in status.conditions] == [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    assert all(each.status == "True" and each.observed_generation == 1 for each in status.conditions)
    assert await world.events("web") == [
        ("Pulled", 'Container image "web:1" already present on machine and can be accessed by the pod'),
        ("Created", "Container created"),
        ("Started", "Container started"),
    ]


async def test_without_delays_a_pod_becomes_running_in_one_write(world):
    await world.node().start(world.system)
    await world.create("web", init_containers=(Container(name="first", image="a:1"), SIDECAR))
    bound = await world.until("web", lambda pod: bool(pod.spec.node_name))
    running = await world.running("web")
    assert is_pod_ready(running)
    async with world.client.watch(
        Pod, namespace="default", resource_version=bound.metadata.resource_version
    ) as events:
        first = await anext(aiter(events))
    assert first.object.status.phase in ("Running", "Pending")
    assert running.status.init_container_statuses[0].state.terminated.reason == "Completed"


async def test_a_thousand_pods_run_and_go(world):
    await world.node(capacity={"pods": "2000"}).start(world.system)
    for number in range(1000):
        await world.create(f"web-{number}")
    for number in range(1000):
        await world.running(f"web-{number}")
    listed = await world.client.list(Pod)
    assert len({pod.status.pod_ip for pod in listed.items}) == 1000
    for number in range(1000):
        await world.client.delete(Pod, f"web-{number}")
    for number in range(1000):
        await world.client.wait_for_deletion(Pod, f"web-{number}", timeout=10)


async def test_a_deleted_pod_is_killed_says_so_and_goes(world):
    node = world.node()
    await node.start(world.system)
    created = await world.create("web")
    await world.running("web")
    async with world.client.watch(Pod, namespace="default") as watch:
        events = aiter(watch)
        await anext(events)
        await world.client.delete(Pod, "web")
        seen = [await anext(events) for _ in range(4)]
    marked, ended, released, gone = seen
    assert marked.object.metadata.deletion_grace_period_seconds == 30
    assert ended.object.status.phase == "Failed"
    assert ended.object.status.container_statuses[0].state.terminated.exit_code == 143
    assert not is_pod_ready(ended.object)
    assert released.object.metadata.deletion_grace_period_seconds == 0
    assert gone.type == "DELETED"
    assert gone.object.metadata.uid == created.metadata.uid
    assert ("Killing", "Stopping container web") in await world.events("web")
    await world.settle()
    assert node.runtime is not None
    assert len(node.runtime) == 0


async def test_a_container_may_take_its_time_to_stop_and_a_shorter_grace_hastens_it(world):
    await world.node().start(world.system)
    await world.create("web", annotations={"stop-delay": "20s", "stop-exit-code": "0"})
    await world.running("web")
    await world.client.delete(Pod, "web")
    await world.advance(10)
    assert (await world.pod("web")).metadata.deletion_timestamp is not None
    await world.client.delete(Pod, "web", grace_period_seconds=3)
    await world.advance(2)
    await world.pod("web")
    await world.advance(1.1)
    await world.client.wait_for_deletion(Pod, "web", timeout=5)


async def test_what_ignores_sigterm_is_killed_when_the_grace_is_over(world):
    await world.node().start(world.system)
    await world.create("web", annotations={"stop-delay": "forever"}, termination_grace_period_seconds=5)
    await world.running("web")
    async with world.client.watch(Pod, namespace="default") as watch:
        events = aiter(watch)
        await anext(events)
        await world.client.delete(Pod, "web")
        await anext(events)
        await world.advance(5)
        ended = await anext(events)
    assert ended.object.status.container_statuses[0].state.terminated.exit_code == 137


async def test_a_pod_that_is_deleted_by_force_leaves_nothing(world):
    node = world.node()
    await node.start(world.system)
    await world.create("web")
    await world.running("web")
    await world.client.delete(Pod, "web", grace_period_seconds=0)
    await world.settle()
    assert node.runtime is not None
    assert len(node.runtime) == 0


@pytest.mark.parametrize(
    ("policy", "annotations", "phase", "exit_code"),
    [
        ("Never", {}, "Succeeded", 0),
        ("OnFailure", {}, "Succeeded", 0),
        ("Never", {"exit-code": "3"}, "Failed", 3),
        ("Never", {"run-time": "0s"}, "Succeeded", 0),
    ],
)
async def test_pods_that_are_not_restarted_end(world, policy, annotations, phase, exit_code):
    await world.node().start(world.system)
    await world.create("job", annotations=annotations, restart_policy=policy)
    if "run-time" not in annotations:
        await world.running("job")
        await world.advance(1)
    pod = await world.until("job", lambda pod: pod.status.phase == phase)
    terminated = pod.status.container_statuses[0].state.terminated
    assert terminated.exit_code == exit_code
    assert terminated.reason == ("Completed" if exit_code == 0 else "Error")
    reasons = {each.type: each.reason for each in pod.status.conditions}
    assert reasons["Ready"] == ("PodCompleted" if exit_code == 0 else "PodFailed")
    assert not has_condition(pod.status, "PodReadyToStartContainers")


async def test_on_failure_restarts_until_it_succeeds(world):
    await world.node().start(world.system)
    await world.create("job", annotations={"exit-code": "1,0"}, restart_policy="OnFailure")
    await world.running("job")
    await world.advance(1)
    again = await world.until("job", lambda pod: pod.status.container_statuses[0].restart_count == 1)
    assert again.status.container_statuses[0].last_state.terminated.exit_code == 1
    await world.advance(1)
    pod = await world.until("job", lambda pod: pod.status.phase == "Succeeded")
    assert pod.status.container_statuses[0].restart_count == 1


async def test_a_crashing_container_backs_off_10_20_40_seconds(world):
    await world.node().start(world.system)
    created = await world.create("web", annotations={"run-time": "0s", "exit-code": "1"})

    async def waiting(restarts):
        def predicate(pod):
            [status] = pod.status.container_statuses or (None,)
            return status and status.restart_count == restarts and status.state.waiting is not None

        pod = await world.until("web", predicate)
        return pod.status.container_statuses[0].state.waiting, pod

    name = f"web_default({created.metadata.uid})"
    state, pod = await waiting(1)
    assert state.reason == "CrashLoopBackOff"
    assert state.message == f"back-off 10s restarting failed container=web pod={name}"
    assert pod.status.phase == "Running"
    assert pod.status.container_statuses[0].last_state.terminated.reason == "Error"
    for restarts, back_off, text in ((2, 10, "20s"), (3, 20, "40s"), (4, 40, "1m20s")):
        await world.advance(back_off - 0.1)
        assert (await world.pod("web")).status.container_statuses[0].restart_count == restarts - 1
        await world.advance(0.1)
        state, _ = await waiting(restarts)
        assert f"back-off {text} " in state.message
    events = await world.events("web")
    assert ("BackOff", f"Back-off restarting failed container web in pod {name}") in events


async def test_init_containers_run_one_after_the_other(world):
    await world.node().start(world.system)
    await world.create(
        "web",
        annotations={"run-time.one": "5s", "run-time.two": "5s"},
        init_containers=(Container(name="one", image="a:1"), Container(name="two", image="a:1")),
    )
    pod = await world.until("web", lambda pod: bool(pod.status.init_container_statuses))
    assert pod.status.phase == "Pending"
    assert pod.status.container_statuses[0].state.waiting.reason == "PodInitializing"
    messages = {each.type: each.message for each in pod.status.conditions}
    assert messages["Initialized"] == "containers with incomplete status: [one two]"
    await world.advance(5)
    pod = await world.until("web", lambda pod: pod.status.init_container_statuses[0].ready)
    assert pod.status.init_container_statuses[1].state.running is not None
    await world.advance(5)
    await world.running("web")


async def test_an_init_container_that_fails_for_good_fails_the_pod(world):
    await world.node().start(world.system)
    await world.create(
        "web",
        annotations={"exit-code.one": "2"},
        init_containers=(Container(name="one", image="a:1"),),
        restart_policy="Never",
    )
    pod = await world.until("web", lambda pod: pod.status.phase == "Failed")
    assert pod.status.init_container_statuses[0].state.terminated.exit_code == 2
    assert pod.status.container_statuses[0].state.waiting.reason == "PodInitializing"


async def test_sidecars_outlive_the_others_and_end_with_them(world):
    await world.node().start(world.system)
    await world.create("job", init_containers=(SIDECAR,), restart_policy="Never")
    pod = await world.running("job")
    assert pod.status.init_container_statuses[0].started
    await world.advance(1)
    pod = await world.until("job", lambda pod: pod.status.phase == "Succeeded")
    assert pod.status.init_container_statuses[0].state.terminated.exit_code == 143
    assert ("Killing", "Stopping container proxy") in await world.events("job")


async def test_a_start_may_take_time(world):
    await world.node().start(world.system)
    await world.create("web", annotations={"start-delay": "3s"})
    pod = await world.until("web", lambda pod: bool(pod.status.container_statuses))
    assert pod.status.phase == "Pending"
    assert pod.status.container_statuses[0].state.waiting.reason == "ContainerCreating"
    assert has_condition(pod.status, "PodReadyToStartContainers")
    await world.advance(3)
    await world.running("web")


async def test_an_image_may_take_time(world):
    await world.node().start(world.system)
    await world.create("web", annotations={"image-pull-delay": "2.5s"})
    await world.until("web", lambda pod: bool(pod.status.container_statuses))
    await world.advance(2.5)
    await world.running("web")
    events = await world.events("web")
    assert events[0] == ("Pulling", 'Pulling image "web:1"')
    assert events[1][1].startswith(
        'Successfully pulled image "web:1" in 2.5s (2.5s including waiting). Image size: '
    )


async def test_an_image_that_cannot_be_pulled_is_tried_again_with_back_off(world):
    await world.node().start(world.system)
    await world.create("web", annotations={"image-pull-failures": "1"})

    def because(reason):
        def predicate(pod):
            [status] = pod.status.container_statuses or (None,)
            return status and status.state.waiting is not None and status.state.waiting.reason == reason

        return predicate

    pod = await world.until("web", because("ErrImagePull"))
    error = 'failed to pull and unpack image "docker.io/library/web:1": not found'
    assert pod.status.container_statuses[0].state.waiting.message == error
    await world.advance(1)
    pod = await world.until("web", because("ImagePullBackOff"))
    message = pod.status.container_statuses[0].state.waiting.message
    assert message == f'Back-off pulling image "web:1": ErrImagePull: {error}'
    await world.advance(9)
    await world.running("web")
    reasons = [event[0] for event in await world.events("web")]
    assert reasons == [
        "Pulling", "Failed", "Failed", "BackOff", "Failed", "Pulled", "Created", "Started",
    ]  # fmt: skip


async def test_readiness_without_a_probe_is_the_annotations(world):
    await world.node().start(world.system)
    await world.create("web", annotations={"readiness-delay": "4s"})
    pod = await world.running("web")
    assert not is_pod_ready(pod)
    messages = {each.type: each.message for each in pod.status.conditions}
    assert messages["Ready"] == "containers with unready status: [web]"
    for _ in range(4):
        await world.advance(1)
    await world.until("web", is_pod_ready)


async def test_a_readiness_probe_keeps_its_times(world):
    await world.node().start(world.system)
    probe = Probe(
        exec=CHECK, initial_delay_seconds=2, period_seconds=3, success_threshold=2, failure_threshold=3
    )
    await world.create("web", Container(name="web", image="web:1", readiness_probe=probe))
    assert not is_pod_ready(await world.running("web"))
    await world.advance(2)
    assert not is_pod_ready(await world.pod("web"))
    await world.advance(2.9)
    assert not is_pod_ready(await world.pod("web"))
    await world.advance(0.1)
    await world.until("web", is_pod_ready)


async def test_a_failed_liveness_probe_restarts_the_container(world):
    await world.node().start(world.system)
    probe = Probe(exec=CHECK, period_seconds=5, failure_threshold=2)
    await world.create(
        "web",
        Container(name="web", image="web:1", liveness_probe=probe),
        annotations={"liveness-fail-after": "7s"},
    )
    await world.running("web")
    for _ in range(3):
        await world.advance(5)
    pod = await world.until("web", lambda pod: pod.status.container_statuses[0].restart_count == 1)
    assert pod.status.container_statuses[0].last_state.terminated.exit_code == 143
    events = await world.events("web")
    assert ("Killing", "Container web failed liveness probe, will be restarted") in events
    assert "Unhealthy" in [event[0] for event in events]


async def test_the_others_wait_for_a_startup_probe(world):
    await world.node().start(world.system)
    probe = Probe(exec=CHECK, period_seconds=1, failure_threshold=10)
    await world.create(
        "web",
        Container(
            name="web", image="web:1", startup_probe=probe, liveness_probe=probe, readiness_probe=probe
        ),
        annotations={"startup-delay": "3s"},
    )
    pod = await world.running("web")
    assert pod.status.container_statuses[0].started is False
    for _ in range(3):
        await world.advance(1)
    pod = await world.until("web", is_pod_ready)
    assert pod.status.container_statuses[0].started is True


async def test_a_pod_past_its_deadline_fails(world):
    await world.node().start(world.system)
    await world.create("web", active_deadline_seconds=30)
    await world.running("web")
    await world.advance(30)
    pod = await world.until("web", lambda pod: pod.status.phase == "Failed")
    assert pod.status.reason == "DeadlineExceeded"
    assert pod.status.message == "Pod was active on the node longer than the specified deadline"


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"requests": {"cpu": "33"}},
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 33000, used: 0, capacity: 32000",
        ),
        (
            {"node_selector": {"disk": "ssd"}},
            "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        ),
    ],
    ids=["cpu", "selector"],
)
async def test_a_pod_that_does_not_fit_is_rejected(world, spec, reason, message):
    await world.node().start(world.system)
    requests = spec.pop("requests", {})
    container = Container(name="web", image="web:1", resources=ResourceRequirements(requests=requests))
    await world.create("web", container, **spec)
    pod = await world.until("web", lambda pod: pod.status.phase == "Failed")
    assert (pod.status.reason, pod.status.message) == (reason, f"Pod was rejected: {message}")
    assert await world.events("web") == [(reason, message)]
    await world.client.delete(Pod, "web")
    await world.client.wait_for_deletion(Pod, "web", timeout=5)


async def test_a_label_that_was_just_set_counts(world):
    await world.node().start(world.system)
    await world.label_node(disk="ssd")
    await world.create("web", node_selector={"disk": "ssd"})
    await world.running("web")


async def test_the_node_takes_as_many_pods_as_it_says_and_again_when_one_has_ended(world):
    await world.node(capacity={"pods": "1"}).start(world.system)
    await world.create("one", restart_policy="Never")
    await world.running("one")
    await world.create("two")
    pod = await world.until("two", lambda pod: pod.status.phase == "Failed")
    assert pod.status.reason == "OutOfpods"
    await world.advance(1)
    await world.until("one", lambda pod: pod.status.phase == "Succeeded")
    await world.create("three")
    await world.running("three")


async def test_conditions_of_others_stay(world):
    await world.node().start(world.system)
    await world.create("web", annotations={"start-delay": "3s"})
    pod = await world.until("web", lambda pod: bool(pod.status.container_statuses))
    patch = {"status": {"conditions": [{"type": "example.com/gate", "status": "True"}]}}
    await world.client.patch(Pod, pod.metadata.name, patch, subresource="status")
    await world.advance(3)
    pod = await world.running("web")
    assert has_condition(pod.status, "example.com/gate")
    assert has_condition(pod.status, "Ready")


async def test_a_status_that_somebody_else_overwrites_is_written_again(world):
    await world.node().start(world.system)
    await world.create("web")
    await world.running("web")
    await world.client.patch(Pod, "web", {"status": {"phase": "Pending"}}, subresource="status")
    await world.settle()
    assert (await world.pod("web")).status.phase == "Running"


async def test_what_cannot_be_read_stops_the_container_and_says_why(world):
    await world.node().start(world.system)
    await world.create("web", annotations={"run-time": "soon"})
    pod = await world.until("web", lambda pod: bool(pod.status.container_statuses))
    waiting = pod.status.container_statuses[0].state.waiting
    assert waiting.reason == "CreateContainerConfigError"
    assert "sim.kube-actors.dev/run-time" in waiting.message


async def test_a_deletion_that_the_answer_to_a_write_tells_first_is_noticed(world, monkeypatch):
    """The stream was broken and has listed anew: of the deletion it brings nothing that the worker has not seen."""
    ref = await world.node().start(world.system)
    kubelet = next(cell.actor for cell in world.system._cells() if cell.ref is ref)
    manager = world.nodes.manager
    write = type(manager).write

    async def deleted_before(self, pod, status):
        monkeypatch.undo()
        kubelet._stream.stop()
        await world.client.delete(Pod, "web")
        return await write(self, pod, status)

    monkeypatch.setattr(type(manager), "write", deleted_before)
    await world.create("web")
    await world.settle()
    kubelet._stream._execute(kubelet._stream.reflector.start())
    await world.client.wait_for_deletion(Pod, "web", timeout=5)


async def test_a_pod_that_the_server_could_not_let_go_is_let_go_later(world, monkeypatch):
    await world.node().start(world.system)
    await world.create("web")
    await world.running("web")
    manager = world.nodes.manager

    async def refused(_, pod):
        monkeypatch.undo()
        raise service_unavailable(f"nobody deletes {pod.metadata.name}")

    monkeypatch.setattr(type(manager), "delete", refused)
    await world.client.delete(Pod, "web")
    for _ in range(3):
        await world.advance(1)
    await world.client.wait_for_deletion(Pod, "web", timeout=5)
