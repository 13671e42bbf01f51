"""FlowSchemas and PriorityLevelConfigurations."""

import pytest

from kube.api.types.flowcontrol_v1 import FlowSchema, PriorityLevelConfiguration

META = {"name": "n", "resourceVersion": "1"}
RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["*"]}
SCHEMA = {
    "metadata": META,
    "spec": {
        "priorityLevelConfiguration": {"name": "p"},
        "rules": [{"subjects": [{"kind": "User", "user": {"name": "u"}}], "resourceRules": [RULE]}],
    },
}
R = "spec.rules[0]"
AT = "spec.rules.0"
VERBS = ", ".join(
    f'"{verb}"'
    for verb in ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
)
SCHEMAS = {
    "sound": ({}, []),
    "exempt": ({"metadata.name": "exempt", "spec.matchingPrecedence": 1}, []),
    "precedence": (
        {"spec.matchingPrecedence": 1},
        [
            (
                "spec.matchingPrecedence: Invalid value: 1: "
                "only the schema named 'exempt' may have matchingPrecedence 1"
            )
        ],
    ),
    "high precedence": (
        {"spec.matchingPrecedence": 10001},
        ["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"],
    ),
    "no level": (
        {"spec.priorityLevelConfiguration.name": ""},
        ["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"],
    ),
    "nothing": (
        {AT: {}},
        [
            f"{R}.subjects: Required value: subjects must contain at least one value",
            f"{R}: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
        ],
    ),
    "subjects": (
        {
            f"{AT}.subjects": [
                {"kind": "Robot"},
                {"kind": "Group", "user": {"name": "u"}},
                {"kind": "ServiceAccount", "serviceAccount": {"name": "*"}},
            ]
        },
        [
            f'{R}.subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
            f"{R}.subjects[1].group: Required value: group is required when subject kind is 'Group'",
            f"{R}.subjects[1].user: Forbidden: user is forbidden when subject kind is not 'User'",
            f"{R}.subjects[2].serviceAccount.namespace: Required value: must specify namespace for service account",
        ],
    ),
    "resource rules": (
        {f"{AT}.resourceRules.0": {"verbs": ["get", "*"], "apiGroups": [], "resources": ["*"]}},
        [
            f'{R}.resourceRules[0].verbs: Invalid value: ["get","*"]: if \'*\' is present, must not specify other verbs',
            f"{R}.resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group",
            (
                f"{R}.resourceRules[0].namespaces: Required value: "
                "resource rules that are not cluster scoped must supply at least one namespace"
            ),
        ],
    ),
    "verbs": (
        {f"{AT}.resourceRules.0.verbs": ["eat"]},
        [f'{R}.resourceRules[0].verbs: Unsupported value: ["eat"]: supported values: {VERBS}'],
    ),
    "other rules": (
        {
            f"{AT}.nonResourceRules": [
                {"verbs": ["*"], "nonResourceURLs": ["/", "/a/*", "a", "/a b", "/a//b", "/*/b"]}
            ]
        },
        [
            f'{R}.nonResourceRules[0].nonResourceURLs[2]: Invalid value: "a": must start with slash',
            f'{R}.nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a b": must not contain white-space',
            f'{R}.nonResourceRules[0].nonResourceURLs[4]: Invalid value: "/a//b": must not contain double slash',
            f'{R}.nonResourceRules[0].nonResourceURLs[5]: Invalid value: "/*/b": wildcard can only do suffix matching',
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), SCHEMAS.values(), ids=SCHEMAS)
def test_flow_schemas(changes, expected, faults):
    assert faults(FlowSchema, SCHEMA, changes) == expected


LEVEL = {
    "metadata": META,
    "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}},
}
L = "spec.limited"
LEVELS = {
    "sound": ({}, []),
    "exempt": ({"metadata.name": "exempt", "spec": {"type": "Exempt"}}, []),
    "another exempt": (
        {"spec": {"type": "Exempt"}},
        ["spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'"],
    ),
    "no limit": (
        {"spec": {"type": "Limited"}},
        [f"{L}: Required value: must not be empty when type is Limited"],
    ),
    "shares": (
        {f"{L}.nominalConcurrencyShares": -1, f"{L}.lendablePercent": 101, f"{L}.borrowingLimitPercent": -1},
        [
            f"{L}.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer",
            f"{L}.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
            f"{L}.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer",
        ],
    ),
    "reject": (
        {f"{L}.limitResponse.type": "Reject"},
        [f"{L}.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited"],
    ),
    "large hand": (
        {f"{L}.limitResponse.queuing": {"queues": 4, "handSize": 5}},
        [f"{L}.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)"],
    ),
    "entropy": (
        {f"{L}.limitResponse.queuing": {"queues": 512, "handSize": 8}},
        [
            (
                f"{L}.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 512 and "
                "handSize 8 should not be greater than 60"
            )
        ],
    ),
    "negative": (
        {f"{L}.limitResponse.queuing": {"queues": -1, "handSize": -1, "queueLengthLimit": -1}},
        [
            f"{L}.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive",
            f"{L}.limitResponse.queuing.queues: Invalid value: -1: must be positive",
            f"{L}.limitResponse.queuing.handSize: Invalid value: -1: must be positive",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), LEVELS.values(), ids=LEVELS)
def test_priority_levels(changes, expected, faults):
    assert faults(PriorityLevelConfiguration, LEVEL, changes) == expected


@pytest.mark.parametrize(("cls", "tree"), [(FlowSchema, SCHEMA), (PriorityLevelConfiguration, LEVEL)])
def test_conditions(cls, tree, update_faults):
    after = {"status": {"conditions": [{"type": "A"}, {"type": "A"}, {"type": ""}]}}
    assert update_faults(cls, tree, {}, after, "status") == [
        'status.conditions[1].type: Duplicate value: "A"',
        "status.conditions[2].type: Required value: must not be empty",
    ]
