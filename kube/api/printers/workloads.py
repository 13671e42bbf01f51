"""Deployments and the other controllers of pods, jobs, and the objects beside them."""

from typing import Any, Final

from kube.api.helpers.pods import controller_of
from kube.api.printers.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    TEMPLATE,
    UNSET,
    Cells,
    Printers,
    age,
    column,
    container_images,
    container_names,
    format_labels,
    since,
)
from kube.api.printers.duration import human
from kube.api.types.apps_v1 import ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet
from kube.api.types.autoscaling_v1 import Scale
from kube.api.types.autoscaling_v2 import (
    HorizontalPodAutoscaler,
    MetricSpec,
    MetricStatus,
    MetricTarget,
    MetricValueStatus,
)
from kube.api.types.batch_v1 import CronJob, Job
from kube.api.types.core_v1 import Container, PodTemplate, ReplicationController
from kube.api.types.policy_v1 import PodDisruptionBudget
from kube.apimachinery.labels import SelectorError, format_label_selector, from_label_selector
from kube.apimachinery.quantity import Quantity
from kube.apimachinery.time import to_seconds

PRINTERS: Final = Printers()

_DESIRED: Final = column("Desired", "Replicas that the spec asks for.", "integer")
_CURRENT: Final = column("Current", "Replicas that exist.", "integer")
_READY: Final = column("Ready", "Replicas that are ready.", "integer")


def _template(containers: tuple[Container, ...]) -> tuple[str, str]:
    return container_names(containers), container_images(containers)


@PRINTERS.whole(
    "apps",
    "Deployment",
    NAME,
    column("Ready", "Ready replicas out of those asked for."),
    column("Up-to-date", "Replicas of the current template."),
    column("Available", "Replicas that have been ready for long enough."),
    AGE,
    *TEMPLATE,
)
def deployment(obj: Deployment, now: float) -> Cells:
    try:
        selector = str(from_label_selector(obj.spec.selector))
    except SelectorError:
        selector = "<invalid>"
    return (
        obj.metadata.name,
        f"{obj.status.ready_replicas}/{obj.spec.replicas or 0}",
        obj.status.updated_replicas,
        obj.status.available_replicas,
        age(obj, now),
        *_template(obj.spec.template.spec.containers),
        selector,
    )


@PRINTERS.whole("apps", "ReplicaSet", NAME, _DESIRED, _CURRENT, _READY, AGE, *TEMPLATE)
def replica_set(obj: ReplicaSet, now: float) -> Cells:
    return (
        obj.metadata.name,
        obj.spec.replicas or 0,
        obj.status.replicas,
        obj.status.ready_replicas,
        age(obj, now),
        *_template(obj.spec.template.spec.containers),
        format_label_selector(obj.spec.selector),
    )


@PRINTERS.whole("", "ReplicationController", NAME, _DESIRED, _CURRENT, _READY, AGE, *TEMPLATE)
def replication_controller(obj: ReplicationController, now: float) -> Cells:
    return (
        obj.metadata.name,
        obj.spec.replicas or 0,
        obj.status.replicas,
        obj.status.ready_replicas,
        age(obj, now),
        *_template(obj.spec.template.spec.containers if obj.spec.template else ()),
        format_labels(obj.spec.selector),
    )


@PRINTERS.whole(
    "apps",
    "DaemonSet",
    NAME,
    column("Desired", "Nodes that should run the daemon.", "integer"),
    column("Current", "Nodes that run it and should.", "integer"),
    column("Ready", "Nodes whose daemon is ready.", "integer"),
    column("Up-to-date", "Nodes that run the current template.", "integer"),
    column("Available", "Nodes whose daemon has been ready for long enough.", "integer"),
    column("Node Selector", "Labels of the nodes that are meant."),
    AGE,
    *TEMPLATE,
)
def daemon_set(obj: DaemonSet, now: float) -> Cells:
    status = obj.status
    pod = obj.spec.template.spec
    return (
        obj.metadata.name,
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
        format_labels(pod.node_selector),
        age(obj, now),
        *_template(pod.containers),
        format_label_selector(obj.spec.selector),
    )


@PRINTERS.whole(
    "apps",
    "StatefulSet",
    NAME,
    column("Ready", "Ready replicas out of those asked for."),
    AGE,
    CONTAINERS,
    IMAGES,
)
def stateful_set(obj: StatefulSet, now: float) -> Cells:
    return (
        obj.metadata.name,
        f"{obj.status.ready_replicas}/{obj.spec.replicas or 0}",
        age(obj, now),
        *_template(obj.spec.template.spec.containers),
    )


@PRINTERS.between(
    "apps",
    "ControllerRevision",
    column("Controller", "The owner of the revision."),
    column("Revision", "Its number in the history."),
)
def controller_revision(obj: ControllerRevision, _: float) -> Cells:
    owner = controller_of(obj.metadata)
    if owner is None:
        return (NONE, obj.revision)
    group = owner.api_version.rpartition("/")[0]
    kind = f"{owner.kind}.{group}" if group else owner.kind
    return (f"{kind.lower()}/{owner.name}", obj.revision)


_JOB_STATES: Final = (
    ("Complete", "Complete"),
    ("Failed", "Failed"),
    ("", "Terminating"),
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
)
"""Condition and what it is called, in order of precedence; the empty one stands for a deletion timestamp."""


def _job_state(obj: Job) -> str:
    conditions = {condition.type: condition.status for condition in reversed(obj.status.conditions)}
    for condition, state in _JOB_STATES:
        if conditions.get(condition) == "True" or (not condition and obj.metadata.deletion_timestamp):
            return state
    return "Running"


def _job_completions(obj: Job) -> str:
    if obj.spec.completions is not None:
        return f"{obj.status.succeeded}/{obj.spec.completions}"
    parallelism = obj.spec.parallelism or 0
    return f"{obj.status.succeeded}/1 of {parallelism}" if parallelism > 1 else f"{obj.status.succeeded}/1"


def _job_duration(obj: Job, now: float) -> str:
    if not obj.status.start_time:
        return ""
    end = to_seconds(obj.status.completion_time) if obj.status.completion_time else now
    return human(end - to_seconds(obj.status.start_time))


@PRINTERS.whole(
    "batch",
    "Job",
    NAME,
    column("Status", "What the conditions add up to."),
    column("Completions", "Pods that succeeded out of those asked for."),
    column("Duration", "How long the job has run, or ran."),
    AGE,
    *TEMPLATE,
)
def job(obj: Job, now: float) -> Cells:
    return (
        obj.metadata.name,
        _job_state(obj),
        _job_completions(obj),
        _job_duration(obj, now),
        age(obj, now),
        *_template(obj.spec.template.spec.containers),
        format_label_selector(obj.spec.selector),
    )


@PRINTERS.whole(
    "batch",
    "CronJob",
    NAME,
    column("Schedule", "When jobs are started, in cron's notation."),
    column("Timezone", "The zone that the schedule is read in."),
    column("Suspend", "Whether no further jobs are started.", "boolean"),
    column("Active", "Jobs that are running.", "integer"),
    column("Last Schedule", "Time since a job was last due."),
    AGE,
    *TEMPLATE,
)
def cron_job(obj: CronJob, now: float) -> Cells:
    job = obj.spec.job_template.spec
    last = obj.status.last_schedule_time
    return (
        obj.metadata.name,
        obj.spec.schedule,
        obj.spec.time_zone if obj.spec.time_zone is not None else NONE,
        UNSET if obj.spec.suspend is None else str(obj.spec.suspend),
        len(obj.status.active),
        since(last, now) if last else NONE,
        age(obj, now),
        *_template(job.template.spec.containers),
        format_label_selector(job.selector),
    )


@PRINTERS.whole(
    "",
    "PodTemplate",
    NAME,
    column("Containers", "Names of the template's containers."),
    column("Images", "Images of the template's containers."),
    column("Pod Labels", "Labels that pods of the template get."),
)
def pod_template(obj: PodTemplate, _: float) -> Cells:
    template = obj.template
    return (obj.metadata.name, *_template(template.spec.containers), format_labels(template.metadata.labels))


@PRINTERS.between(
    "policy",
    "PodDisruptionBudget",
    column("Min Available", "Pods that must stay available."),
    column("Max Unavailable", "Pods that may be unavailable."),
    column("Allowed Disruptions", "Pods that may be evicted now.", "integer"),
)
def pod_disruption_budget(obj: PodDisruptionBudget, _: float) -> Cells:
    bounds = (obj.spec.min_available, obj.spec.max_unavailable)
    return (*("N/A" if bound is None else str(bound) for bound in bounds), obj.status.disruptions_allowed)


@PRINTERS.between(
    "autoscaling",
    "Scale",
    column("Desired", "Replicas asked for.", "integer"),
    column("Available", "Replicas seen.", "integer"),
)
def scale(obj: Scale, _: float) -> Cells:
    return (obj.spec.replicas, obj.status.replicas)


_METRIC_SOURCES: Final = {
    "External": ("external", False, True),
    "Pods": ("pods", False, False),
    "Object": ("object", False, True),
    "Resource": ("resource", True, False),
    "ContainerResource": ("container_resource", True, False),
}
"""Metric type: the attribute, whether it is a named resource, whether it may be a total."""


def _quantity(value: Quantity | None) -> str:
    return "<nil>" if value is None else value


def _percent(value: int | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value}%"


def _metric(spec: MetricSpec, status: MetricStatus | None) -> str:
    if spec.type not in _METRIC_SOURCES:
        return "<unknown type>"
    attribute, is_resource, has_total = _METRIC_SOURCES[spec.type]
    source: Any = getattr(spec, attribute)
    seen: Any = getattr(status, attribute) if status is not None else None
    target: MetricTarget = source.target
    current: MetricValueStatus | None = seen.current if seen is not None else None
    if is_resource and target.average_value is None:
        used = _percent(current.average_utilization if current else None, "<unknown>")
        return f"{source.name}: {used}/{_percent(target.average_utilization, '<auto>')}"
    if has_total and target.average_value is None:
        return f"{_quantity(current.value) if current else '<unknown>'}/{_quantity(target.value)}"
    if has_total:
        average = current.average_value if current else None
        return f"{average or '<unknown>'}/{_quantity(target.average_value)} (avg)"
    text = f"{_quantity(current.average_value) if current else '<unknown>'}/{_quantity(target.average_value)}"
    return f"{source.name}: {text}" if is_resource else text


def _metrics(obj: HorizontalPodAutoscaler, limit: int = 2) -> str:
    specs, statuses = obj.spec.metrics, obj.status.current_metrics
    if not specs:
        return NONE
    texts = [
        _metric(spec, statuses[index] if index < len(statuses) else None) for index, spec in enumerate(specs)
    ]
    text = ", ".join(texts[:limit])
    return f"{text} + {len(texts) - limit} more..." if len(texts) > limit else text


@PRINTERS.between(
    "autoscaling",
    "HorizontalPodAutoscaler",
    column("Reference", "The object that is scaled."),
    column("Targets", "The metrics that decide, each as current and target."),
    column("MinPods", "Lower limit of replicas."),
    column("MaxPods", "Upper limit of replicas."),
    column("Replicas", "Replicas as last seen."),
)
def horizontal_pod_autoscaler(obj: HorizontalPodAutoscaler, _: float) -> Cells:
    target = obj.spec.scale_target_ref
    return (
        f"{target.kind}/{target.name}",
        _metrics(obj),
        UNSET if obj.spec.min_replicas is None else str(obj.spec.min_replicas),
        obj.spec.max_replicas,
        obj.status.current_replicas,
    )
