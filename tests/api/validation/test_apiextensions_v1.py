"""CustomResourceDefinitions."""

import pytest

from kube.api.types.apiextensions_v1 import CustomResourceDefinition

VERSION = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
DEFINITION = {
    "metadata": {"name": "crontabs.a.io", "resourceVersion": "1"},
    "spec": {
        "group": "a.io",
        "scope": "Namespaced",
        "names": {"plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"]},
        "versions": [VERSION],
    },
}
LABEL = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
C = "spec.conversion"
DEFINITIONS = {
    "sound": ({}, []),
    "name": (
        {"metadata.name": "crons.a.io"},
        ['metadata.name: Invalid value: "crons.a.io": must be spec.names.plural+"."+spec.group'],
    ),
    "group": (
        {"metadata.name": "crontabs.a", "spec.group": "a"},
        ['spec.group: Invalid value: "a": should be a domain with at least one dot'],
    ),
    "scope": ({"spec.scope": ""}, ["spec.scope: Required value"]),
    "other scope": (
        {"spec.scope": "World"},
        ['spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"'],
    ),
    "no kind": (
        {"spec.names.kind": ""},
        [
            "spec.names.singular: Required value",
            "spec.names.kind: Required value",
            "spec.names.listKind: Required value",
        ],
    ),
    "names": (
        {"spec.names.kind": "Cron_Tab", "spec.names.listKind": "List", "spec.names.shortNames": ["C"]},
        [
            f'spec.names.singular: Invalid value: "cron_tab": {LABEL}',
            (
                'spec.names.kind: Invalid value: "Cron_Tab": '
                f"may have mixed case, but should otherwise match: {LABEL}"
            ),
            f'spec.names.shortNames[0]: Invalid value: "C": {LABEL}',
        ],
    ),
    "kinds": (
        {"spec.names.listKind": "CronTab"},
        ['spec.names.listKind: Invalid value: "CronTab": kind and listKind may not be the same'],
    ),
    "no schema": (
        {"spec.versions.0.schema": None},
        ["spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required"],
    ),
    "no versions": (
        {"spec.versions": []},
        ["spec.versions: Invalid value: null: must have exactly one version marked as storage version"],
    ),
    "webhook": (
        {C: {"strategy": "Webhook"}},
        [
            f"{C}.webhookClientConfig: Required value: required when strategy is set to Webhook",
            f"{C}.conversionReviewVersions: Required value",
        ],
    ),
    "webhook versions": (
        {
            C: {
                "strategy": "Webhook",
                "webhook": {
                    "clientConfig": {"url": "https://a.io"},
                    "conversionReviewVersions": ["v2", "v2"],
                },
            }
        },
        [
            f'{C}.conversionReviewVersions[1]: Invalid value: "v2": duplicate version',
            f'{C}.conversionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
        ],
    ),
    "no webhook": (
        {C: {"strategy": "None", "webhook": {"clientConfig": {}, "conversionReviewVersions": ["v1"]}}},
        [
            f"{C}.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook",
            f"{C}.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_definitions(changes, expected, faults):
    assert faults(CustomResourceDefinition, DEFINITION, changes) == expected


ESTABLISHED = {"status.conditions": [{"type": "Established", "status": "True"}]}
UPDATES = {
    "versions": ({}, {"spec.versions.1": {**VERSION, "name": "v2", "storage": False}}, []),
    "scope before it is served": ({}, {"spec.scope": "Cluster"}, []),
    "scope": (
        ESTABLISHED,
        {**ESTABLISHED, "spec.scope": "Cluster"},
        ['spec.scope: Invalid value: "Cluster": field is immutable'],
    ),
    "group": ({}, {"spec.group": "b.io"}, ['spec.group: Invalid value: "b.io": field is immutable']),
}


@pytest.mark.parametrize(("before", "after", "expected"), UPDATES.values(), ids=UPDATES)
def test_updates(before, after, expected, update_faults):
    assert update_faults(CustomResourceDefinition, DEFINITION, before, after) == expected


def test_accepted_names(update_faults):
    after = {"status.acceptedNames": {"plural": "A", "kind": "B"}}
    assert update_faults(CustomResourceDefinition, DEFINITION, {}, after, "status") == [
        f'status.acceptedNames.plural: Invalid value: "A": {LABEL}'
    ]
