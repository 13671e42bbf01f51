"""The status of a daemon set, from its nodes and pods. Pure.

Semantics: updateDaemonSetStatus of pkg/controller/daemon.
"""

from msgspec.structs import replace

from kube.api.helpers.pods import is_pod_ready
from kube.api.types.apps_v1 import DaemonSetStatus
from kube.controllers.daemonset.placement import should_run
from kube.controllers.daemonset.plan import View, oldest_first


def new_status(view: View, *, processed: bool) -> DaemonSetStatus:
    """``processed`` says that this generation has been acted upon, not only looked at."""
    daemon_set = view.daemon_set
    desired = scheduled = misplaced = ready = updated = available = 0
    for name, node in view.nodes.items():
        pods = view.pods.get(name, ())
        if not should_run(daemon_set, node)[0]:
            misplaced += bool(pods)
            continue
        desired += 1
        if not pods:
            continue
        scheduled += 1
        pod = pods[0] if len(pods) == 1 else oldest_first(pods)[0]
        updated += view.is_updated(pod)
        if is_pod_ready(pod):
            ready += 1
            available += view.is_available(pod)
    status = daemon_set.status
    return replace(
        status,
        desired_number_scheduled=desired,
        current_number_scheduled=scheduled,
        number_misscheduled=misplaced,
        number_ready=ready,
        updated_number_scheduled=updated,
        number_available=available,
        number_unavailable=desired - available,
        observed_generation=daemon_set.metadata.generation if processed else status.observed_generation,
    )
