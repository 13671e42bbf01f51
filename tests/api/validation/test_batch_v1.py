"""Jobs and CronJobs."""

import pytest

from kube.api.types.batch_v1 import CronJob, Job

GENERATED = {
    "batch.kubernetes.io/controller-uid": "u",
    "batch.kubernetes.io/job-name": "j",
    "controller-uid": "u",
    "job-name": "j",
}
POD = {"containers": [{"name": "c", "image": "busybox"}], "restartPolicy": "Never"}
JOB = {
    "metadata": {"name": "j", "namespace": "default", "uid": "u", "resourceVersion": "1"},
    "spec": {
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
        "template": {"metadata": {"labels": GENERATED}, "spec": POD},
    },
}
INDEXED = {"spec.completionMode": "Indexed", "spec.completions": 5, "spec.parallelism": 5}
NEGATIVE = "must be greater than or equal to 0"
LABELS = '{"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"j","controller-uid":"x","job-name":"j"}'
RULE = "spec.podFailurePolicy.rules[0]"
ON_EXIT = {"onExitCodes": {"operator": "In", "values": [1]}}


def failing(rule, **spec):
    return {"spec.podFailurePolicy": {"rules": [rule]}, **spec}


def succeeding(*rules):
    return {**INDEXED, "spec.successPolicy": {"rules": list(rules)}}


JOBS = {
    "sound": ({}, []),
    "restart policy": (
        {"spec.template.spec.restartPolicy": "Always"},
        ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ),
    "counters": (
        {
            "spec.parallelism": -1,
            "spec.completions": -1,
            "spec.activeDeadlineSeconds": -1,
            "spec.backoffLimit": -1,
            "spec.ttlSecondsAfterFinished": -1,
        },
        [
            f"spec.{name}: Invalid value: -1: {NEGATIVE}"
            for name in (
                "parallelism",
                "completions",
                "activeDeadlineSeconds",
                "backoffLimit",
                "ttlSecondsAfterFinished",
            )
        ],
    ),
    "no selector": (
        {"spec.selector": None},
        [
            "spec.selector: Required value",
            (
                'spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u",'
                '"batch.kubernetes.io/job-name":"j","controller-uid":"u","job-name":"j"}: '
                "`selector` does not match template `labels`"
            ),
        ],
    ),
    "label missing": (
        {"spec.template.metadata.labels": {**GENERATED, "controller-uid": "x"}},
        [f"spec.template.metadata.labels[controller-uid]: Invalid value: {LABELS}: must be 'u'"],
    ),
    "foreign selector": (
        {"spec.selector": {"matchLabels": {"job-name": "k"}}},
        [
            'spec.selector: Invalid value: {"matchLabels":{"job-name":"k"}}: `selector` not auto-generated',
            (
                'spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u",'
                '"batch.kubernetes.io/job-name":"j","controller-uid":"u","job-name":"j"}: '
                "`selector` does not match template `labels`"
            ),
        ],
    ),
    "own selector": (
        {
            "spec.manualSelector": True,
            "spec.selector": {"matchLabels": {"a": "b"}},
            "spec.template.metadata.labels": {"a": "b"},
        },
        [],
    ),
    "completion mode": (
        {"spec.completionMode": "Sorted"},
        ['spec.completionMode: Unsupported value: "Sorted": supported values: "NonIndexed", "Indexed"'],
    ),
    "indexed without completions": (
        {"spec.completionMode": "Indexed", "spec.parallelism": 100_001},
        [
            "spec.completions: Required value: when completion mode is Indexed",
            (
                "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 "
                "when completion mode is Indexed"
            ),
        ],
    ),
    "limits per index": (
        {"spec.backoffLimitPerIndex": 1, "spec.maxFailedIndexes": 1},
        [
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
            "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
        ],
    ),
    "many completions": (
        {**INDEXED, "spec.completions": 100_001, "spec.parallelism": 10_001, "spec.backoffLimitPerIndex": 1},
        [
            "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
            (
                "spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are "
                "above 100000 and used with backoff limit per index"
            ),
        ],
    ),
    "failed indexes": (
        {**INDEXED, "spec.maxFailedIndexes": 6},
        [
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            "spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions",
        ],
    ),
    "long host name": (
        {
            **INDEXED,
            "spec.manualSelector": True,
            "metadata.name": "j" * 62,
        },
        [
            (
                f'metadata.name: Invalid value: "{"j" * 62}": will not able to create pod with invalid DNS label: '
                f"{'j' * 62}-4"
            )
        ],
    ),
    "managed by": (
        {"spec.managedBy": "me"},
        ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
    ),
    "failure policy": (failing({"action": "FailJob", **ON_EXIT}), []),
    "failure policy and restarts": (
        failing({"action": "Count", **ON_EXIT}, **{"spec.template.spec.restartPolicy": "OnFailure"}),
        [
            (
                'spec.template.spec.restartPolicy: Invalid value: "OnFailure": '
                'only "Never" is supported when podFailurePolicy is specified'
            )
        ],
    ),
    "action": (
        failing({"action": "", **ON_EXIT}),
        [f'{RULE}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'],
    ),
    "fail index": (
        failing({"action": "FailIndex", **ON_EXIT}),
        [f'{RULE}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set'],
    ),
    "nothing to match": (
        failing({"action": "Count"}),
        [f"{RULE}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"],
    ),
    "two things to match": (
        failing({"action": "Count", **ON_EXIT, "onPodConditions": [{"type": "Ready", "status": "Maybe"}]}),
        [
            (
                f'{RULE}.onPodConditions[0].status: Unsupported value: "Maybe": '
                'supported values: "False", "True", "Unknown"'
            ),
            f"{RULE}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported",
        ],
    ),
    "exit codes": (
        failing(
            {"action": "Count", "onExitCodes": {"operator": "In", "values": [2, 0, 2], "containerName": "d"}}
        ),
        [
            (
                f'{RULE}.onExitCodes.containerName: Invalid value: "d": must be one of the container or initContainer '
                "names in the pod template"
            ),
            f"{RULE}.onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator",
            f"{RULE}.onExitCodes.values[2]: Duplicate value: 2",
            f"{RULE}.onExitCodes.values: Invalid value: [2,0,2]: must be ordered",
        ],
    ),
    "no exit codes": (
        failing({"action": "Count", "onExitCodes": {"operator": "Like", "values": []}}),
        [
            f'{RULE}.onExitCodes.operator: Unsupported value: "Like": supported values: "In", "NotIn"',
            f"{RULE}.onExitCodes.values: Invalid value: null: at least one value is required",
        ],
    ),
    "replacement policy": (
        {"spec.podReplacementPolicy": "Soon"},
        [
            (
                'spec.podReplacementPolicy: Unsupported value: "Soon": '
                'supported values: "Failed", "TerminatingOrFailed"'
            )
        ],
    ),
    "success policy": (succeeding({"succeededIndexes": "0-2,4", "succeededCount": 3}), []),
    "empty success policy": (
        succeeding(),
        [
            (
                "spec.successPolicy.rules: Required value: "
                "at least one rules must be specified when the successPolicy is specified"
            )
        ],
    ),
    "success rules": (
        succeeding({}, {"succeededIndexes": "3-1"}, {"succeededIndexes": "1,1"}, {"succeededIndexes": "a"}),
        [
            (
                "spec.successPolicy.rules[0]: Required value: "
                "at least one of succeededCount or succeededIndexes must be specified"
            ),
            (
                'spec.successPolicy.rules[1].succeededIndexes: Invalid value: "3-1": error parsing succeededIndexes: '
                "non-increasing order, previous: 3, current: 1"
            ),
            (
                'spec.successPolicy.rules[2].succeededIndexes: Invalid value: "1,1": error parsing succeededIndexes: '
                "non-increasing order, previous: 1, current: 1"
            ),
            (
                'spec.successPolicy.rules[3].succeededIndexes: Invalid value: "a": error parsing succeededIndexes: '
                'cannot convert string to integer for index: "a"'
            ),
        ],
    ),
    "success counts": (
        succeeding({"succeededCount": 6}, {"succeededIndexes": "0-1", "succeededCount": 3}),
        [
            (
                "spec.successPolicy.rules[0].succeededCount: Invalid value: 6: "
                "must be less than or equal to 5 (the number of specified completions)"
            ),
            (
                "spec.successPolicy.rules[1].succeededCount: Invalid value: 3: must be less than or equal to 2 "
                "(the number of indexes in the specified succeededIndexes field)"
            ),
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), JOBS.values(), ids=JOBS)
def test_jobs(changes, expected, faults):
    if "metadata.name" in changes:
        changes = {**changes, "spec.template.metadata.labels": GENERATED}
    assert faults(Job, JOB, changes) == expected


SUSPENDED = {"spec.suspend": True}
STARTED = {**SUSPENDED, "status.startTime": "2024-01-01T00:00:00Z"}
STOPPED = {**STARTED, "status.conditions": [{"type": "Suspended", "status": "True"}]}
SELECTOR = {"spec.template.spec.nodeSelector": {"a": "b"}}
RESOURCES = {"spec.template.spec.containers.0.resources": {"requests": {"cpu": "2"}}}
JOB_UPDATES = {
    "what may change": (
        {"spec.completions": 1},
        {
            "spec.completions": 1,
            "spec.parallelism": 7,
            "spec.suspend": True,
            "spec.backoffLimit": 3,
            "spec.activeDeadlineSeconds": 3,
            "spec.ttlSecondsAfterFinished": 3,
        },
        [],
    ),
    "completions": ({}, {"spec.completions": 9}, ["spec.completions: 9"]),
    "completion mode": (
        {"spec.completions": 1},
        {"spec.completions": 1, "spec.completionMode": "Indexed"},
        ['spec.completionMode: "Indexed"'],
    ),
    "elastic": (INDEXED, {**INDEXED, "spec.completions": 7, "spec.parallelism": 7}, []),
    "half elastic": (
        INDEXED,
        {**INDEXED, "spec.completions": 7},
        ["spec.completions: Invalid value: 7: can only be modified in tandem with spec.parallelism"],
    ),
    "scheduling of a running job": ({}, SELECTOR, ["spec.template"]),
    "scheduling of a job that has not started": (SUSPENDED, {**SUSPENDED, **SELECTOR}, []),
    "resources of a job that has not started": (SUSPENDED, {**SUSPENDED, **RESOURCES}, ["spec.template"]),
    "scheduling of a job that is stopping": (STARTED, {**STARTED, **SELECTOR}, ["spec.template"]),
    "scheduling of a stopped job": (STOPPED, {**STOPPED, **SELECTOR}, []),
    "resources of a stopped job": (STOPPED, {**STOPPED, **RESOURCES}, []),
    "image of a stopped job": (
        STOPPED,
        {**STOPPED, "spec.template.spec.containers.0.image": "new"},
        ["spec.template"],
    ),
    "managed by": ({}, {"spec.managedBy": "a.io/b"}, ['spec.managedBy: "a.io/b"']),
}


@pytest.mark.parametrize(("before", "after", "expected"), JOB_UPDATES.values(), ids=JOB_UPDATES)
def test_updates_of_jobs(before, after, expected, update_faults):
    found = update_faults(Job, JOB, before, after)
    shortened = [
        fault.partition(": ")[0]
        if fault.startswith("spec.template: ")
        else fault.replace(": Invalid value: ", ": ", 1).removesuffix(": field is immutable")
        if fault.endswith(": field is immutable")
        else fault
        for fault in found
    ]
    assert shortened == expected


def conditions(*kinds):
    return {"status.conditions": [{"type": kind, "status": "True"} for kind in kinds]}


START, END = "2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z"
RUNNING = {"status.startTime": START, "status.active": 1}
DONE = {
    "status.startTime": START,
    "status.completionTime": END,
    "status.succeeded": 1,
    **conditions("SuccessCriteriaMet", "Complete"),
}
C = "status.conditions: Invalid value"
STATUSES = {
    "complete": (RUNNING, DONE, []),
    "failed": (RUNNING, {"status.startTime": START, **conditions("FailureTarget", "Failed")}, []),
    "complete without an end": (
        RUNNING,
        {"status.startTime": START, **conditions("Complete")},
        [
            "status.completionTime: Required value: completionTime is required for Complete jobs",
            f"{C}: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
        ],
    ),
    "an end without completion": (
        RUNNING,
        {**RUNNING, "status.completionTime": "2023-01-01T00:00:00Z"},
        [
            (
                'status.completionTime: Invalid value: "2023-01-01T00:00:00Z": '
                "cannot set completionTime when there is no Complete=True condition"
            ),
            (
                'status.completionTime: Invalid value: "2023-01-01T00:00:00Z": '
                "completionTime cannot be set before startTime"
            ),
        ],
    ),
    "failed at once": (
        RUNNING,
        {"status.startTime": START, **conditions("Failed")},
        [f"{C}: cannot set Failed=True condition without the FailureTarget=true condition"],
    ),
    "finished with pods": (
        RUNNING,
        {
            **DONE,
            "status.active": 1,
            "status.terminating": 2,
            "status.uncountedTerminatedPods": {"succeeded": ["a", "a", ""]},
        },
        [
            'status.uncountedTerminatedPods.succeeded[1]: Duplicate value: "a"',
            'status.uncountedTerminatedPods.succeeded[2]: Invalid value: "": must not be empty',
            "status.active: Invalid value: 1: active>0 is invalid for finished job",
            (
                'status.uncountedTerminatedPods: Invalid value: {"succeeded":["a","a",""]}: '
                "uncountedTerminatedPods needs to be empty for finished job"
            ),
            "status.terminating: Invalid value: 2: terminating>0 is invalid for finished job",
        ],
    ),
    "back from the end": (
        DONE,
        {**RUNNING, "status.failed": 0},
        [
            f"{C}: cannot disable the terminal Complete=True condition",
            "status.succeeded: Invalid value: 0: cannot decrease the succeeded counter",
            f"{C}: cannot disable the SuccessCriteriaMet=True condition",
        ],
    ),
    "indexes": (
        {**INDEXED, **RUNNING, "spec.backoffLimitPerIndex": 1},
        {
            **INDEXED,
            **RUNNING,
            "spec.backoffLimitPerIndex": 1,
            "status.completedIndexes": "0-2",
            "status.failedIndexes": "2,9",
        },
        [
            'status.failedIndexes: Invalid value: "2,9": error parsing failedIndexes: too large index: "9"',
            'status.failedIndexes: Invalid value: "2,9": failedIndexes and completedIndexes overlap at index: 2',
        ],
    ),
    "indexes of a job without": (
        RUNNING,
        {**RUNNING, "status.completedIndexes": "0", "status.failedIndexes": ""},
        [
            (
                'status.completedIndexes: Invalid value: "0": '
                "cannot set non-empty completedIndexes when non-indexed completion mode"
            ),
            (
                'status.failedIndexes: Invalid value: "": '
                "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
            ),
        ],
    ),
    "more ready than active": (
        RUNNING,
        {**RUNNING, "status.ready": 2},
        ["status.ready: Invalid value: 2: cannot set more ready pods than active"],
    ),
    "start": (
        RUNNING,
        {"status.active": 1},
        ["status.startTime: Required value: startTime cannot be removed for unsuspended job"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), STATUSES.values(), ids=STATUSES)
def test_statuses_of_jobs(before, after, expected, update_faults):
    assert update_faults(Job, JOB, before, after, "status") == expected


CRON_JOB = {
    "metadata": {"name": "c", "namespace": "default", "resourceVersion": "1"},
    "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {"spec": POD}}}},
}
ZONED = {"spec.schedule": "TZ=UTC * * * * *"}
IN_SCHEDULE = (
    'spec.schedule: Invalid value: "TZ=UTC * * * * *": '
    "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
)
JOB_SPEC = "spec.jobTemplate.spec"
CRON_JOBS = {
    "sound": ({"spec.timeZone": "Europe/Rome"}, []),
    "no schedule": ({"spec.schedule": ""}, ["spec.schedule: Required value"]),
    "schedule": (
        {"spec.schedule": "* * * *"},
        ['spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'],
    ),
    "zone in the schedule": (ZONED, [IN_SCHEDULE]),
    "empty zone": (
        {"spec.timeZone": ""},
        ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    ),
    "unknown zone": (
        {"spec.timeZone": "Europe/InvalidRome"},
        ['spec.timeZone: Invalid value: "Europe/InvalidRome": unknown time zone Europe/InvalidRome'],
    ),
    "malformed zone": (
        {"spec.timeZone": " Europe/Rome"},
        ['spec.timeZone: Invalid value: " Europe/Rome": unknown time zone  Europe/Rome'],
    ),
    "local zone": (
        {"spec.timeZone": "Local"},
        [
            (
                'spec.timeZone: Invalid value: "Local": '
                "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
            )
        ],
    ),
    "concurrency": (
        {"spec.concurrencyPolicy": "Some"},
        ['spec.concurrencyPolicy: Unsupported value: "Some": supported values: "Allow", "Forbid", "Replace"'],
    ),
    "numbers": (
        {
            "spec.startingDeadlineSeconds": -1,
            "spec.successfulJobsHistoryLimit": -1,
            "spec.failedJobsHistoryLimit": -1,
        },
        [
            f"spec.{name}: Invalid value: -1: {NEGATIVE}"
            for name in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
        ],
    ),
    "name": (
        {"metadata.name": "c" * 53},
        [f'metadata.name: Invalid value: "{"c" * 53}": must be no more than 52 characters'],
    ),
    "job": (
        {
            f"{JOB_SPEC}.selector": {"matchLabels": {"a": "b"}},
            f"{JOB_SPEC}.manualSelector": True,
            f"{JOB_SPEC}.template.spec.restartPolicy": "Always",
        },
        [
            f'{JOB_SPEC}.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
            f'{JOB_SPEC}.selector: Invalid value: {{"matchLabels":{{"a":"b"}}}}: `selector` will be auto-generated',
            f'{JOB_SPEC}.manualSelector: Unsupported value: true: supported values: "nil", "false"',
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CRON_JOBS.values(), ids=CRON_JOBS)
def test_cron_jobs(changes, expected, faults):
    assert faults(CronJob, CRON_JOB, changes) == expected


CRON_UPDATES = {
    "a long name stays": ({"metadata.name": "c" * 60}, {"metadata.name": "c" * 60}, []),
    "a zone in the schedule stays": (ZONED, ZONED, []),
    "a second zone": (
        ZONED,
        {**ZONED, "spec.timeZone": "UTC"},
        [
            (
                'spec.schedule: Invalid value: "TZ=UTC * * * * *": '
                "cannot use both timeZone field and TZ or CRON_TZ in schedule"
            )
        ],
    ),
    "a new zone in the schedule": ({}, ZONED, [IN_SCHEDULE]),
}


@pytest.mark.parametrize(("before", "after", "expected"), CRON_UPDATES.values(), ids=CRON_UPDATES)
def test_updates_of_cron_jobs(before, after, expected, update_faults):
    assert update_faults(CronJob, CRON_JOB, before, after) == expected
