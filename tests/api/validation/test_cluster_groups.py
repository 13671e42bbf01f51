"""Runtime classes, API services and certificate signing requests."""

import base64

import pytest

from kube.api.types.apiregistration_v1 import APIService
from kube.api.types.certificates_v1 import CertificateSigningRequest
from kube.api.types.node_v1 import RuntimeClass

META = {"name": "n", "resourceVersion": "1"}
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def pem(kind, content=b"x"):
    body = base64.b64encode(content).decode()
    return base64.b64encode(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n".encode()).decode()


RUNTIME = {"metadata": META, "handler": "runc"}
SERVICE = {
    "metadata": {"name": "v1.a.io", "resourceVersion": "1"},
    "spec": {
        "group": "a.io",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 10,
        "service": {"namespace": "n", "name": "s"},
    },
}
REQUEST = {
    "metadata": {"name": "any NAME", "resourceVersion": "1"},
    "spec": {"request": pem("CERTIFICATE REQUEST"), "signerName": "a.io/b", "usages": ["client auth"]},
}
C = "status.conditions"
APPROVED = {"type": "Approved", "status": "True"}
DENIED = {"type": "Denied", "status": "True"}
OBJECTS = {
    "runtime": (RuntimeClass, RUNTIME, {"scheduling": {"nodeSelector": {"a": "b"}}}, []),
    "runtime, handler": (RuntimeClass, RUNTIME, {"handler": "R"}, [f'handler: Invalid value: "R": {LABEL}']),
    "runtime, overhead": (
        RuntimeClass,
        RUNTIME,
        {"overhead": {"podFixed": {"cpu": "-1"}}},
        ['overhead.podFixed.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
    ),
    "runtime, tolerations": (
        RuntimeClass,
        RUNTIME,
        {"scheduling": {"tolerations": [{"operator": "Exists"}, {"operator": "Exists"}]}},
        ['scheduling.tolerations[1]: Duplicate value: {"operator":"Exists"}'],
    ),
    "service": (APIService, SERVICE, {}, []),
    "service, legacy": (
        APIService,
        SERVICE,
        {
            "metadata.name": "v1.",
            "spec": {"version": "v1", "groupPriorityMinimum": 18000, "versionPriority": 1},
        },
        [],
    ),
    "service, name": (
        APIService,
        SERVICE,
        {"metadata.name": "v2.a.io"},
        [
            'metadata.name: Invalid value: "v2.a.io": must be `spec.version+"."+spec.group`: "v1.a.io"',
        ],
    ),
    "service, priorities": (
        APIService,
        SERVICE,
        {"spec.groupPriorityMinimum": 20001, "spec.versionPriority": 0},
        [
            "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000",
            "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
        ],
    ),
    "service, local": (
        APIService,
        SERVICE,
        {"spec.service": None, "spec.caBundle": "eA==", "spec.insecureSkipTLSVerify": True},
        [
            'spec.caBundle: Invalid value: "1 bytes": local APIServices may not have a caBundle',
            (
                "spec.insecureSkipTLSVerify: Invalid value: true: "
                "local APIServices may not have insecureSkipTLSVerify"
            ),
        ],
    ),
    "service, remote": (
        APIService,
        SERVICE,
        {"spec.service": {"port": 0}, "spec.caBundle": "eA==", "spec.insecureSkipTLSVerify": True},
        [
            "spec.service.namespace: Required value",
            "spec.service.name: Required value",
            "spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
            "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
        ],
    ),
    "request": (CertificateSigningRequest, REQUEST, {}, []),
    "request, content": (
        CertificateSigningRequest,
        REQUEST,
        {"spec.request": pem("CERTIFICATE")},
        [f'spec.request: Invalid value: "{pem("CERTIFICATE")}": PEM block type must be CERTIFICATE REQUEST'],
    ),
    "request, usages": (
        CertificateSigningRequest,
        REQUEST,
        {"spec.usages": []},
        ["spec.usages: Required value"],
    ),
    "request, same usages": (
        CertificateSigningRequest,
        REQUEST,
        {"spec.usages": ["any", "any"]},
        ['spec.usages[1]: Duplicate value: "any"'],
    ),
    "request, signer": (
        CertificateSigningRequest,
        REQUEST,
        {"spec.signerName": "kubernetes.io/legacy-unknown", "spec.expirationSeconds": 599},
        [
            (
                'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": '
                "the legacy signerName is not allowed via this API version"
            ),
            (
                "spec.expirationSeconds: Invalid value: 599: "
                "may not specify a duration less than 600 seconds (10 minutes)"
            ),
        ],
    ),
    "request, conditions": (
        CertificateSigningRequest,
        REQUEST,
        {C: [APPROVED, DENIED, {"type": "Denied", "status": "False"}, {"type": "", "status": ""}]},
        [
            f'{C}[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
            f'{C}[2].status: Unsupported value: "False": supported values: "True"',
            f'{C}[2].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
            f'{C}[2].type: Duplicate value: "Denied"',
            f"{C}[3].type: Required value",
            f"{C}[3].status: Required value",
        ],
    ),
    "request, certificate": (
        CertificateSigningRequest,
        REQUEST,
        {"status.certificate": pem("RSA KEY")},
        [
            (
                'status.certificate: Invalid value: "<certificate data>": '
                'only CERTIFICATE PEM blocks are allowed, found "RSA KEY"'
            )
        ],
    ),
    "request, no certificate": (
        CertificateSigningRequest,
        REQUEST,
        {"status.certificate": "eA=="},
        [
            (
                'status.certificate: Invalid value: "<certificate data>": '
                "must contain at least one CERTIFICATE PEM block"
            )
        ],
    ),
}


@pytest.mark.parametrize(("cls", "tree", "changes", "expected"), OBJECTS.values(), ids=OBJECTS)
def test_objects(cls, tree, changes, expected, faults):
    assert faults(cls, tree, changes) == expected


ISSUED = {"status.certificate": pem("CERTIFICATE")}
NOT_SET = ["status.certificate: Forbidden: updates may not set certificate content"]
NOT_ADDED = [f'{C}: Forbidden: updates may not add a condition of type "Approved"']
UPDATES = {
    "runtime": (
        RuntimeClass,
        RUNTIME,
        {},
        {"handler": "kata"},
        "",
        ['handler: Invalid value: "kata": field is immutable'],
    ),
    "service": (
        APIService,
        SERVICE,
        {},
        {"spec.versionPriority": -1},
        "",
        ["spec.versionPriority: Invalid value: -1: must be positive and less than 1000"],
    ),
    "approval": (CertificateSigningRequest, REQUEST, {}, {C: [APPROVED]}, "approval", []),
    "approval by status": (CertificateSigningRequest, REQUEST, {}, {C: [APPROVED]}, "status", NOT_ADDED),
    "approval by an update": (CertificateSigningRequest, REQUEST, {}, {C: [APPROVED]}, "", NOT_ADDED),
    "approval withdrawn": (
        CertificateSigningRequest,
        REQUEST,
        {C: [APPROVED]},
        {},
        "approval",
        [f'{C}: Forbidden: updates may not remove a condition of type "Approved"'],
    ),
    "issue": (CertificateSigningRequest, REQUEST, {}, ISSUED, "status", []),
    "issue by an update": (CertificateSigningRequest, REQUEST, {}, ISSUED, "", NOT_SET),
    "issue again": (
        CertificateSigningRequest,
        REQUEST,
        ISSUED,
        {"status.certificate": pem("CERTIFICATE", b"y")},
        "status",
        ["status.certificate: Forbidden: updates may not modify existing certificate content"],
    ),
}


@pytest.mark.parametrize(
    ("cls", "tree", "before", "after", "subresource", "expected"), UPDATES.values(), ids=UPDATES
)
def test_updates(cls, tree, before, after, subresource, expected, update_faults):
    assert update_faults(cls, tree, before, after, subresource) == expected
