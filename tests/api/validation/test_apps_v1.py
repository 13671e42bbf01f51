"""Deployments, ReplicaSets, StatefulSets, DaemonSets and ControllerRevisions."""

import pytest

from kube.api.types.apps_v1 import ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet
from kube.api.validation import deployment as deployment_rules
from kube.api.validation import validate, validate_update, workload

META = {"name": "w", "namespace": "default", "resourceVersion": "1"}
TEMPLATE = {
    "metadata": {"labels": {"app": "w"}},
    "spec": {"containers": [{"name": "c", "image": "nginx"}]},
}
WORKLOAD = {
    "metadata": META,
    "spec": {"selector": {"matchLabels": {"app": "w"}}, "template": TEMPLATE},
}
MISMATCH = (
    'spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`'
)
PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
NO_SELECTOR = [
    "spec.selector: Required value",
    MISMATCH,
]
TEMPLATE_FAULTS = {
    "restart policy": (
        {"spec.template.spec.restartPolicy": "Never"},
        ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ),
    "no image": (
        {"spec.template.spec.containers.0.image": ""},
        ["spec.template.spec.containers[0].image: Required value"],
    ),
    "no containers": (
        {"spec.template.spec.containers": []},
        ["spec.template.spec.containers: Required value"],
    ),
    "template labels": (
        {"spec.template.metadata.labels": {"app": "x"}},
        [MISMATCH.replace('"w"', '"x"')],
    ),
    "malformed selector": (
        {"spec.selector.matchExpressions": [{"key": "app", "operator": "In"}]},
        [
            (
                "spec.selector.matchExpressions[0].values: Required value: "
                "must be specified when `operator` is 'In' or 'NotIn'"
            )
        ],
    ),
    "negative": (
        {"spec.minReadySeconds": -1},
        ["spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"],
    ),
}
DEADLINE = "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in {} is not Supported"
KINDS = {
    "Deployment": Deployment,
    "ReplicaSet": ReplicaSet,
    "StatefulSet": StatefulSet,
    "DaemonSet": DaemonSet,
}
MALFORMED = {
    "Deployment": 'spec.selector: Invalid value: {"matchLabels":{"app":"w"},"matchExpressions":[{"key":"app",'
    '"operator":"In"}]}: invalid label selector',
    "StatefulSet": 'spec.selector: Invalid value: {"matchLabels":{"app":"w"},"matchExpressions":[{"key":"app",'
    '"operator":"In"}]}',
}
MALFORMED["ReplicaSet"] = MALFORMED["Deployment"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", TEMPLATE_FAULTS)
def test_templates(kind, case, faults):
    changes, expected = TEMPLATE_FAULTS[case]
    if case == "malformed selector" and kind in MALFORMED:
        expected = [*expected, MALFORMED[kind]]
    assert faults(KINDS[kind], WORKLOAD, changes) == expected


@pytest.mark.parametrize(
    ("kind", "named"),
    [("Deployment", "ReplicaSet"), ("ReplicaSet",) * 2, ("StatefulSet",) * 2, ("DaemonSet",) * 2],
)
def test_pods_of_endless_workloads_have_no_deadline(kind, named, faults):
    changes = {"spec.template.spec.activeDeadlineSeconds": 5}
    assert faults(KINDS[kind], WORKLOAD, changes) == [DEADLINE.format(named)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Deployment", NO_SELECTOR),
        ("ReplicaSet", NO_SELECTOR),
        ("StatefulSet", NO_SELECTOR),
        ("DaemonSet", [MISMATCH]),
    ],
)
def test_a_selector_is_required(kind, expected, faults):
    assert faults(KINDS[kind], WORKLOAD, {"spec.selector": None}) == expected


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("Deployment", "deployment"),
        ("ReplicaSet", "deployment"),
        ("StatefulSet", "statefulset"),
        ("DaemonSet", "daemonset"),
    ],
)
def test_a_selector_selects_by_something(kind, named, faults):
    expected = [f"spec.selector: Invalid value: {{}}: empty selector is invalid for {named}"]
    assert faults(KINDS[kind], WORKLOAD, {"spec.selector": {}}) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Deployment, SUBDOMAIN), (ReplicaSet, SUBDOMAIN), (StatefulSet, LABEL), (DaemonSet, SUBDOMAIN)],
)
def test_names(kind, expected, faults):
    assert faults(kind, WORKLOAD, {"metadata.name": "A"}) == [
        f'metadata.name: Invalid value: "A": {expected}'
    ]


@pytest.mark.parametrize("kind", [Deployment, ReplicaSet, DaemonSet])
def test_selectors_are_immutable(kind, update_faults):
    after = {"spec.selector": {"matchLabels": {"b": "c"}}, "spec.template.metadata.labels": {"b": "c"}}
    expected = ['spec.selector: Invalid value: {"matchLabels":{"b":"c"}}: field is immutable']
    assert update_faults(kind, WORKLOAD, {}, after) == expected


ROLLING = "spec.strategy.rollingUpdate"
DEPLOYMENTS = {
    "sound": ({"spec.strategy": {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}}, []),
    "recreate": (
        {"spec.strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
        [f"{ROLLING}: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ),
    "unknown strategy": (
        {"spec.strategy": {"type": "Blue", "rollingUpdate": {"maxSurge": 1}}},
        [
            (
                'spec.strategy: Unsupported value: {"Type":"Blue","RollingUpdate":{"MaxUnavailable":null,"MaxSurge":1}}: '
                'supported values: "Recreate", "RollingUpdate"'
            )
        ],
    ),
    "both zero": (
        {"spec.strategy": {"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}}},
        [f"{ROLLING}.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
    ),
    "amounts": (
        {"spec.strategy": {"rollingUpdate": {"maxSurge": "1", "maxUnavailable": -1}}},
        [
            f"{ROLLING}.maxUnavailable: Invalid value: -1: must be greater than or equal to 0",
            f'{ROLLING}.maxSurge: Invalid value: "1": {PERCENT}',
        ],
    ),
    "more than all": (
        {"spec.strategy": {"rollingUpdate": {"maxSurge": "200%", "maxUnavailable": "101%"}}},
        [f'{ROLLING}.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    ),
    "numbers": (
        {"spec.replicas": -1, "spec.revisionHistoryLimit": -2, "spec.progressDeadlineSeconds": -3},
        [
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.revisionHistoryLimit: Invalid value: -2: must be greater than or equal to 0",
            "spec.progressDeadlineSeconds: Invalid value: -3: must be greater than or equal to 0",
            "spec.progressDeadlineSeconds: Invalid value: -3: must be greater than minReadySeconds",
        ],
    ),
    "deadline": (
        {"spec.minReadySeconds": 60, "spec.progressDeadlineSeconds": 60},
        ["spec.progressDeadlineSeconds: Invalid value: 60: must be greater than minReadySeconds"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_deployments(changes, expected, faults):
    assert faults(Deployment, WORKLOAD, changes) == expected


UPDATE = "spec.updateStrategy"
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
MOUNT = [{"name": "data", "mountPath": "/data"}]
STATEFUL_SETS = {
    "sound": ({"spec.serviceName": "w", "spec.podManagementPolicy": "Parallel"}, []),
    "claims are volumes": (
        {"spec.volumeClaimTemplates": [CLAIM], "spec.template.spec.containers.0.volumeMounts": MOUNT},
        [],
    ),
    "no such volume": (
        {"spec.template.spec.containers.0.volumeMounts": MOUNT},
        ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ),
    "claim": (
        {"spec.volumeClaimTemplates": [{**CLAIM, "spec": {"accessModes": ["ReadWriteOnce"]}}]},
        ["spec.volumeClaimTemplates[0].spec.resources[storage]: Required value"],
    ),
    "service name": (
        {"spec.serviceName": "W"},
        [f'spec.serviceName: Invalid value: "W": {LABEL}'],
    ),
    "management policy": (
        {"spec.podManagementPolicy": "Random"},
        ["spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
    ),
    "on delete": (
        {UPDATE: {"type": "OnDelete", "rollingUpdate": {"partition": 1}}},
        [
            (
                f'{UPDATE}.rollingUpdate: Invalid value: {{"Partition":1,"MaxUnavailable":null}}: '
                "only allowed for updateStrategy 'RollingUpdate'"
            )
        ],
    ),
    "unknown strategy": (
        {UPDATE: {"type": "Blue"}},
        [
            (
                f'{UPDATE}: Invalid value: {{"Type":"Blue","RollingUpdate":null}}: '
                "must be 'RollingUpdate' or 'OnDelete'"
            )
        ],
    ),
    "rolling update": (
        {UPDATE: {"rollingUpdate": {"partition": -1, "maxUnavailable": "0%"}}},
        [
            f"{UPDATE}.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
            f'{UPDATE}.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0',
        ],
    ),
    "retention": (
        {"spec.persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Keep"}},
        [
            (
                'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": '
                'supported values: "Retain", "Delete"'
            )
        ],
    ),
    "numbers": (
        {"spec.replicas": -1, "spec.ordinals": {"start": -2}, "spec.revisionHistoryLimit": -3},
        [
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.ordinals.start: Invalid value: -2: must be greater than or equal to 0",
            "spec.revisionHistoryLimit: Invalid value: -3: must be greater than or equal to 0",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), STATEFUL_SETS.values(), ids=STATEFUL_SETS)
def test_stateful_sets(changes, expected, faults):
    assert faults(StatefulSet, WORKLOAD, changes) == expected


FROZEN = (
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
STATEFUL_UPDATES = {
    "what may change": (
        {
            "spec.replicas": 3,
            "spec.minReadySeconds": 3,
            "spec.revisionHistoryLimit": 3,
            "spec.ordinals": {"start": 3},
            "spec.updateStrategy": {"type": "OnDelete"},
            "spec.persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
            "spec.template.spec.containers.0.image": "new",
        },
        [],
    ),
    "service name": ({"spec.serviceName": "B"}, [FROZEN]),
    "claims": ({"spec.volumeClaimTemplates": [CLAIM]}, [FROZEN]),
    "management policy": ({"spec.podManagementPolicy": "Parallel"}, [FROZEN]),
    "template": (
        {"spec.template.spec.containers.0.image": ""},
        ["spec.template.spec.containers[0].image: Required value"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), STATEFUL_UPDATES.values(), ids=STATEFUL_UPDATES)
def test_updates_of_stateful_sets(changes, expected, update_faults):
    assert update_faults(StatefulSet, WORKLOAD, {}, changes) == expected


DAEMON_SETS = {
    "sound": ({UPDATE: {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}, []),
    "on delete": ({UPDATE: {"type": "OnDelete"}}, []),
    "unknown strategy": (
        {UPDATE: {"type": "Blue"}},
        [
            (
                f'{UPDATE}: Unsupported value: {{"Type":"Blue","RollingUpdate":null}}: '
                'supported values: "RollingUpdate", "OnDelete"'
            )
        ],
    ),
    "both": (
        {UPDATE: {"rollingUpdate": {"maxSurge": "10%"}}},
        [
            f'{UPDATE}.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero'
        ],
    ),
    "neither": (
        {UPDATE: {"rollingUpdate": {"maxUnavailable": "0%"}}},
        [f"{UPDATE}.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
    ),
    "more than all": (
        {UPDATE: {"rollingUpdate": {"maxSurge": "101%", "maxUnavailable": 0}}},
        [f'{UPDATE}.rollingUpdate.maxSurge: Invalid value: "101%": must not be greater than 100%'],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), DAEMON_SETS.values(), ids=DAEMON_SETS)
def test_daemon_sets(changes, expected, faults):
    assert faults(DaemonSet, WORKLOAD, changes) == expected


LESS = "cannot be greater than status.replicas"
STATUSES = {
    "deployment": (
        Deployment,
        {"status.collisionCount": 2},
        {"status": {"replicas": 1, "updatedReplicas": 2, "availableReplicas": 1, "collisionCount": 1}},
        [
            f"status.updatedReplicas: Invalid value: 2: {LESS}",
            "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas",
            "status.collisionCount: Invalid value: 1: cannot be decremented",
        ],
    ),
    "replica set": (
        ReplicaSet,
        {},
        {"status": {"replicas": 1, "fullyLabeledReplicas": 2, "observedGeneration": -1}},
        [
            "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
            f"status.fullyLabeledReplicas: Invalid value: 2: {LESS}",
        ],
    ),
    "stateful set": (
        StatefulSet,
        {"status.collisionCount": 2},
        {"status": {"replicas": 1, "currentReplicas": 2, "readyReplicas": 0, "availableReplicas": 1}},
        [
            f"status.currentReplicas: Invalid value: 2: {LESS}",
            "status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas",
            "status.collisionCount: Invalid value: 0: cannot be decremented",
        ],
    ),
    "daemon set": (
        DaemonSet,
        {},
        {"status": {"numberReady": -1}},
        ["status.numberReady: Invalid value: -1: must be greater than or equal to 0"],
    ),
}


@pytest.mark.parametrize(("kind", "before", "after", "expected"), STATUSES.values(), ids=STATUSES)
def test_statuses(kind, before, after, expected, update_faults):
    assert update_faults(kind, WORKLOAD, before, after, "status") == expected


REVISION = {"metadata": META, "revision": 1, "data": {"a": 1}}


def test_controller_revisions(faults, update_faults):
    assert faults(ControllerRevision, REVISION, {}) == []
    assert faults(ControllerRevision, REVISION, {"data": None, "revision": -1}) == [
        "data: Required value: data is mandatory",
        "revision: Invalid value: -1: must be greater than or equal to 0",
    ]
    assert update_faults(ControllerRevision, REVISION, {}, {"revision": 2}) == []
    assert update_faults(ControllerRevision, REVISION, {}, {"data": {"a": 2}}) == [
        'data: Invalid value: {"a": 2}: field is immutable'
    ]


def test_a_template_that_is_stored_is_not_validated_again(build, monkeypatch):
    seen = []
    monkeypatch.setattr(workload, "validate_pod_template_spec", lambda template, *_: seen.append(template))
    old = build(Deployment, WORKLOAD)
    scaled = build(Deployment, WORKLOAD, {"spec.replicas": 7})
    changed = build(Deployment, WORKLOAD, {"spec.template.spec.containers.0.image": "new"})
    assert deployment_rules.TEMPLATE is workload.TEMPLATE
    assert validate_update(scaled, old) == []
    assert seen == []
    assert validate_update(changed, old) == []
    assert validate(old) == []
    assert seen == [changed.spec.template, old.spec.template]
