"""Webhook configurations and admission policies."""

import pytest

from kube.api.types.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingWebhookConfiguration,
)

META = {"name": "n", "resourceVersion": "1"}
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
HOOK = {
    "name": "a.b.io",
    "clientConfig": {"service": {"namespace": "n", "name": "s", "path": "/a/b"}},
    "rules": [RULE],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
HOOKS = {"metadata": META, "webhooks": [HOOK]}
H = "webhooks[0]"
FORM = "; desired format: https://host[/path]"
WEBHOOKS = {
    "sound": ({}, []),
    "name": (
        {"webhooks.0.name": "a.b"},
        [
            f'{H}.name: Invalid value: "a.b": should be a domain with at least three segments separated by dots'
        ],
    ),
    "same name": ({"webhooks.1": HOOK}, ['webhooks[1].name: Duplicate value: "a.b.io"']),
    "rule": (
        {
            "webhooks.0.rules.0": {
                "operations": ["*", "PATCH"],
                "apiGroups": [],
                "apiVersions": ["*", ""],
                "resources": [],
                "scope": "World",
            }
        },
        [
            f'{H}.rules[0].operations: Invalid value: ["*","PATCH"]: if \'*\' is present, must not specify other operations',
            (
                f'{H}.rules[0].operations[1]: Unsupported value: "PATCH": '
                'supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"'
            ),
            f"{H}.rules[0].apiGroups: Required value",
            f'{H}.rules[0].apiVersions: Invalid value: ["*",""]: if \'*\' is present, must not specify other API versions',
            f"{H}.rules[0].apiVersions[1]: Required value",
            f"{H}.rules[0].resources: Required value",
            f'{H}.rules[0].scope: Unsupported value: "World": supported values: "*", "Cluster", "Namespaced"',
        ],
    ),
    "resources": (
        {"webhooks.0.rules.0.resources": ["pods/*", "pods/log", "*/scale", "a/scale", "*", "b"]},
        [
            f"{H}.rules[0].resources[1]: Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log",
            f"{H}.rules[0].resources[3]: Invalid value: \"a/scale\": if '*/scale' is present, must not specify a/scale",
            (
                f'{H}.rules[0].resources: Invalid value: ["pods/*","pods/log","*/scale","a/scale","*","b"]: '
                "if '*' is present, must not specify other resources without subresources"
            ),
        ],
    ),
    "policies": (
        {
            "webhooks.0.failurePolicy": "Retry",
            "webhooks.0.matchPolicy": "Like",
            "webhooks.0.timeoutSeconds": 31,
        },
        [
            f'{H}.failurePolicy: Unsupported value: "Retry": supported values: "Fail", "Ignore"',
            f'{H}.matchPolicy: Unsupported value: "Like": supported values: "Equivalent", "Exact"',
            f"{H}.timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
        ],
    ),
    "no side effects": (
        {"webhooks.0.sideEffects": None},
        [f"{H}.sideEffects: Required value: must specify one of None, NoneOnDryRun"],
    ),
    "side effects": (
        {"webhooks.0.sideEffects": "Some"},
        [f'{H}.sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'],
    ),
    "no client": (
        {"webhooks.0.clientConfig": {}},
        [f"{H}.clientConfig: Required value: exactly one of url or service is required"],
    ),
    "url": (
        {"webhooks.0.clientConfig": {"url": "http://u@a.io/p?q#f"}},
        [
            f"{H}.clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme{FORM}",
            f'{H}.clientConfig.url: Invalid value: "u": user information is not permitted in the URL{FORM}',
            f'{H}.clientConfig.url: Invalid value: "f": fragments are not permitted in the URL{FORM}',
            f'{H}.clientConfig.url: Invalid value: "q": query parameters are not permitted in the URL{FORM}',
        ],
    ),
    "service": (
        {"webhooks.0.clientConfig.service": {"path": "a//b", "port": 0}},
        [
            f"{H}.clientConfig.service.name: Required value: service name is required",
            f"{H}.clientConfig.service.namespace: Required value: service namespace is required",
            (
                f"{H}.clientConfig.service.port: Invalid value: 0: "
                "port is not valid: must be between 1 and 65535, inclusive"
            ),
            f"{H}.clientConfig.service.path: Invalid value: \"a//b\": must start with a '/'",
            f'{H}.clientConfig.service.path: Invalid value: "a//b": segment[0] may not be empty',
            f'{H}.clientConfig.service.path: Invalid value: "a//b": segment[1] may not be empty',
        ],
    ),
    "versions": (
        {"webhooks.0.admissionReviewVersions": ["v2", "v2"]},
        [
            f'{H}.admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
            f'{H}.admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
        ],
    ),
    "conditions": (
        {
            "webhooks.0.matchConditions": [
                {"name": "a", "expression": " "},
                {"name": "a", "expression": "true"},
                {},
            ]
        },
        [
            f"{H}.matchConditions[0].expression: Required value",
            f'{H}.matchConditions[1].name: Duplicate value: "a"',
            f"{H}.matchConditions[2].expression: Required value",
            f"{H}.matchConditions[2].name: Required value",
        ],
    ),
}


@pytest.mark.parametrize("cls", [ValidatingWebhookConfiguration, MutatingWebhookConfiguration])
@pytest.mark.parametrize(("changes", "expected"), WEBHOOKS.values(), ids=WEBHOOKS)
def test_webhooks(cls, changes, expected, faults, update_faults):
    assert faults(cls, HOOKS, changes) == expected
    assert update_faults(cls, HOOKS, {}, changes) == expected


def test_reinvocation(faults):
    expected = [f'{H}.reinvocationPolicy: Unsupported value: "Once": supported values: "IfNeeded", "Never"']
    assert faults(MutatingWebhookConfiguration, HOOKS, {"webhooks.0.reinvocationPolicy": "Once"}) == expected


def test_what_is_stored_may_stay(update_faults):
    before = {
        "webhooks.0.sideEffects": "Some",
        "webhooks.0.admissionReviewVersions": ["v2"],
        "webhooks.1": HOOK,
    }
    assert update_faults(ValidatingWebhookConfiguration, HOOKS, before, before) == []


POLICY = {
    "metadata": META,
    "spec": {
        "matchConstraints": {"resourceRules": [RULE]},
        "validations": [{"expression": "object.spec.replicas < 5"}],
    },
}
AT_LEAST_ONE = "Required value: validations or auditAnnotations must contain at least one item"
POLICIES = {
    "sound": ({"spec.paramKind": {"apiVersion": "a.io/v1", "kind": "Limit"}}, []),
    "nothing": (
        {"spec": {"matchConstraints": {}}},
        [
            "spec.matchConstraints.resourceRules: Required value",
            f"spec.validations: {AT_LEAST_ONE}",
            f"spec.auditAnnotations: {AT_LEAST_ONE}",
        ],
    ),
    "no constraints": (
        {"spec.matchConstraints": None},
        ["spec.matchConstraints: Required value"],
    ),
    "parameters": (
        {"spec.paramKind": {"apiVersion": "a/b/c", "kind": ""}},
        [
            'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
            "spec.paramKind.kind: Required value",
        ],
    ),
    "variables": (
        {"spec.variables": [{"name": "1a", "expression": ""}]},
        [
            'spec.variables[0].name: Invalid value: "1a": name is not a valid CEL identifier',
            "spec.variables[0].expression: Required value: expression is not specified",
        ],
    ),
    "validation": (
        {
            "spec.validations": [
                {"expression": "", "message": "a\nb", "messageExpression": " ", "reason": "No"}
            ]
        },
        [
            "spec.validations[0].expression: Required value: expression is not specified",
            'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
            'spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks',
            (
                'spec.validations[0].reason: Unsupported value: "No": '
                'supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"'
            ),
        ],
    ),
    "annotations": (
        {
            "spec.auditAnnotations": [
                {"key": "a", "valueExpression": ""},
                {"key": "a", "valueExpression": "x" * 5121},
            ]
        },
        [
            "spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified",
            "spec.auditAnnotations[1].valueExpression: Required value: must not exceed 5120 bytes in length",
            'spec.auditAnnotations[1].key: Duplicate value: "a"',
        ],
    ),
    "names": (
        {"spec.matchConstraints.resourceRules.0.resourceNames": ["a", "a", "b/c"]},
        [
            'spec.matchConstraints.resourceRules[0].resourceNames[1]: Duplicate value: "a"',
            "spec.matchConstraints.resourceRules[0].resourceNames[2]: Invalid value: \"b/c\": may not contain '/'",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), POLICIES.values(), ids=POLICIES)
def test_policies(changes, expected, faults, update_faults):
    assert faults(ValidatingAdmissionPolicy, POLICY, changes) == expected
    assert update_faults(ValidatingAdmissionPolicy, POLICY, {}, changes) == expected


BINDING = {"metadata": META, "spec": {"policyName": "p", "validationActions": ["Deny"]}}
BINDINGS = {
    "sound": ({"spec.paramRef": {"name": "a", "parameterNotFoundAction": "Deny"}}, []),
    "nothing": (
        {"spec": {}},
        [
            "spec.policyName: Required value",
            "spec.validationActions: Required value: at least one validation action is required",
        ],
    ),
    "parameters": (
        {"spec.paramRef": {"name": "a", "selector": {}}},
        [
            "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
            "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
            "spec.paramRef.parameterNotFoundAction: Required value",
        ],
    ),
    "no parameters": (
        {"spec.paramRef": {"parameterNotFoundAction": "Ask"}},
        [
            "spec.paramRef: Required value: one of name or selector must be specified",
            'spec.paramRef.parameterNotFoundAction: Unsupported value: "Ask": supported values: "Deny", "Allow"',
        ],
    ),
    "actions": (
        {"spec.validationActions": ["Deny", "Warn", "Warn", "Log"]},
        [
            'spec.validationActions[2]: Duplicate value: "Warn"',
            'spec.validationActions[3]: Unsupported value: "Log": supported values: "Audit", "Deny", "Warn"',
            (
                'spec.validationActions: Invalid value: ["Deny","Warn","Warn","Log"]: must not contain both Deny and '
                "Warn (repeating the same validation failure information in the API response and headers serves no "
                "purpose)"
            ),
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), BINDINGS.values(), ids=BINDINGS)
def test_bindings(changes, expected, faults, update_faults):
    assert faults(ValidatingAdmissionPolicyBinding, BINDING, changes) == expected
    assert update_faults(ValidatingAdmissionPolicyBinding, BINDING, {}, changes) == expected
