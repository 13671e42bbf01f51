"""ObjectMeta: names, labels, annotations, owners, finalizers, managed fields, and what an update keeps."""

import pytest
from msgspec.structs import replace

from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.apimachinery.meta.v1 import ManagedFieldsEntry, ObjectMeta, OwnerReference
from kube.apimachinery.names import name_is_dns_subdomain

META = ObjectMeta(name="a", namespace="default", resource_version="7", uid="u")
OWNER = OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="rs", uid="1", controller=True)
KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
CASES = {
    "sound": ({"labels": {"a": "b"}, "annotations": {"X/y": "any text\n"}, "owner_references": (OWNER,)}, []),
    "generate name": ({"generate_name": "web-"}, []),
    "bad generate name": (
        {"generate_name": "Web-"},
        ['metadata.generateName: Invalid value: "Web-": a lowercase RFC 1123 subdomain'],
    ),
    "generation": (
        {"generation": -1},
        ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"],
    ),
    "label key": ({"labels": {"a b": ""}}, [f'metadata.labels: Invalid value: "a b": {KEY}']),
    "annotation key": (
        {"annotations": {"a b": ""}},
        [f'metadata.annotations: Invalid value: "a b": {KEY}'],
    ),
    "annotations just small enough": ({"annotations": {"a": "x" * 262143}}, []),
    "annotations too large": (
        {"annotations": {"a": "x" * 131073, "b": "y" * 131072}},
        ["metadata.annotations: Too long: may not be more than 262144 bytes"],
    ),
    "annotations are counted in bytes": (
        {"annotations": {"a": "\u00e9" * 131072}},
        ["metadata.annotations: Too long: may not be more than 262144 bytes"],
    ),
    "empty owner": (
        {"owner_references": (OwnerReference(),)},
        [
            'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
            'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
            'metadata.ownerReferences.name: Invalid value: "": must not be empty',
            'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
        ],
    ),
    "event as owner": (
        {"owner_references": (OwnerReference(api_version="v1", kind="Event", name="e", uid="1"),)},
        [
            (
                'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"1"}: /v1,'
                " Kind=Event is disallowed from being an owner"
            )
        ],
    ),
    "two controllers": (
        {"owner_references": (OWNER, OWNER)},
        [
            (
                'metadata.ownerReferences: Invalid value: [{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":"1",'
                '"controller":true},{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":"1","controller":true}]:'
                ' Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/rs and'
                " ReplicaSet/rs"
            )
        ],
    ),
    "finalizers": (
        {"finalizers": ("kubernetes", "example.com/f")},
        [],
    ),
    "unqualified finalizer": (
        {"finalizers": ("kubernetes", "mine")},
        [
            (
                'metadata.finalizers[1]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully'
                " qualified"
            )
        ],
    ),
    "conflicting finalizers": (
        {"finalizers": ("orphan", "foregroundDeletion")},
        [
            (
                'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and'
                " foregroundDeletion cannot be both set"
            )
        ],
    ),
    "managed fields": (
        {
            "managed_fields": (
                ManagedFieldsEntry(operation="Patch", fields_type="V2", manager="a\tb" + "c" * 126),
            )
        },
        [
            'metadata.managedFields[0].operation: Invalid value: "Patch": must be `Apply` or `Update`',
            'metadata.managedFields[0].fieldsType: Invalid value: "V2": must be `FieldsV1`',
            "metadata.managedFields[0].manager: Too long: may not be more than 128 bytes",
            'metadata.managedFields[0].manager: Invalid value: "a\\tb'
            + "c" * 126
            + '": invalid character U+0009 (at position 1)',
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_create(changes, expected):
    errors = [str(e) for e in validate_object_meta(replace(META, **changes), True, name_is_dns_subdomain)]
    assert len(errors) == len(expected)
    assert all(error.startswith(start) for error, start in zip(errors, expected, strict=True))


def test_cluster_scoped_objects_have_no_namespace():
    errors = validate_object_meta(META, False, name_is_dns_subdomain)
    assert [str(e) for e in errors] == ["metadata.namespace: Forbidden: not allowed on this type"]


UPDATES = {
    "nothing": ({}, {}, []),
    "labels": ({}, {"labels": {"a": "b"}}, []),
    "generation": (
        {"generation": 2},
        {"generation": 1},
        ["metadata.generation: Invalid value: 1: must not be decremented"],
    ),
    "identity": (
        {"creation_timestamp": "2026-01-01T00:00:00Z"},
        {"name": "b", "namespace": "other", "uid": "w"},
        [
            'metadata.name: Invalid value: "b": field is immutable',
            'metadata.namespace: Invalid value: "other": field is immutable',
            'metadata.uid: Invalid value: "w": field is immutable',
            'metadata.creationTimestamp: Invalid value: "null": field is immutable',
        ],
    ),
    "finalizers of the living": ({}, {"finalizers": ("a/b",)}, []),
    "finalizers of the dying": (
        {"deletion_timestamp": "2026-01-01T00:00:00Z", "finalizers": ("a/b", "a/c")},
        {"deletion_timestamp": "2026-01-01T00:00:00Z", "finalizers": ("a/c", "a/d")},
        [
            (
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new"
                ' finalizers []string{"a/d"}'
            )
        ],
    ),
    "no version": (
        {},
        {"resource_version": ""},
        ['metadata.resourceVersion: Invalid value: "": must be specified for an update'],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), UPDATES.values(), ids=UPDATES)
def test_update(before, after, expected):
    errors = validate_object_meta_update(replace(META, **after), replace(META, **before))
    assert [str(e) for e in errors] == expected
