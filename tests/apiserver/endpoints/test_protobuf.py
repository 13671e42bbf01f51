"""Objects in Kubernetes' protobuf are the same objects as in JSON."""

import json
from base64 import b64decode
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.resources import builtin_table
from kube.api.schema import message_of
from kube.api.types.core_v1 import Pod, Secret
from kube.apimachinery.errors import ApiError
from kube.apimachinery.serializer import DecodeError, decode
from kube.apimachinery.time import duration_nanoseconds, to_seconds
from kube.apiserver.endpoints.body import BodyReader, expected_body
from kube.apiserver.endpoints.protobuf import MAGIC, to_json

KUBECTL_WHOAMI = bytes.fromhex(
    "6b387300 0a2d0a18 61757468656e7469636174696f6e2e6b38732e696f2f7631"
    "1211 53656c665375626a656374526576696577 121a0a100a0012001a0022002a0032003800420012060a040a0012001a00220 0".replace(
        " ", ""
    )
)
"""The body of `kubectl auth whoami` (1.32)."""


def varint(number):
    number &= 2**64 - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def scalar(kind, value):
    match kind:
        case "string":
            return value.encode()
        case "byte":
            return b64decode(value)
        case "Quantity":
            return field(1, value.encode())
        case "Time" | "MicroTime":
            if value is None:
                return b""
            seconds = to_seconds(value)
            return field(1, int(seconds)) + field(2, round(seconds % 1 * 1e9))
        case "Duration":
            return field(1, duration_nanoseconds(value))
        case "IntOrString":
            return (
                field(1, 0) + field(2, value)
                if isinstance(value, int)
                else field(1, 1) + field(3, value.encode())
            )
        case "Raw":
            return field(1, json.dumps(value).encode())
        case _:
            return int(value)


def one(kind, value):
    return message(kind.package, kind.name, value) if kind.is_struct else scalar(kind.name, value)


def message(package, name, tree):
    """The reverse of what is tested, written from the same field numbers."""
    out = b""
    for entry in message_of(package, name):
        kind = entry.type
        wrappers = [wrapper for wrapper in kind.wrappers if wrapper != "*"]
        if not entry.json:
            out += field(entry.proto, message(kind.package, kind.name, tree))
        elif entry.json not in tree:
            continue
        elif wrappers[:1] == ["map"]:
            for key, value in tree[entry.json].items():
                if wrappers[1:] == ["[]"] and kind.name != "byte":
                    held = b"".join(field(1, one(kind, item)) for item in value)
                else:
                    held = one(kind, value)
                out += field(entry.proto, field(1, key.encode()) + field(2, held))
        elif wrappers == ["[]"] and kind.name != "byte":
            out += b"".join(field(entry.proto, one(kind, item)) for item in tree[entry.json])
        else:
            out += field(entry.proto, one(kind, tree[entry.json]))
    return out


def envelope(api_version, kind, raw):
    return (
        MAGIC
        + field(1, field(1, api_version.encode()) + field(2, kind.encode()))
        + field(2, raw)
        + field(3, b"")
        + field(4, b"")
    )


POD = {
    "kind": "Pod", "apiVersion": "v1",
    "metadata": {
        "name": "p", "namespace": "ns", "labels": {"a": "b", "c": ""}, "annotations": {"é": "ü"}, "generation": 3, "creationTimestamp": "2027-01-15T08:00:00Z", "finalizers": ["x/y", "z"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": True}],
        "managedFields": [{"manager": "m", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {}}}],
    },
    "spec": {
        "containers": [{
            "name": "c", "image": "i", "args": ["-a", ""], "ports": [{"containerPort": 80, "hostPort": 0}],
            "env": [{"name": "E", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k", "optional": False}}}],
            "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
            "readinessProbe": {"tcpSocket": {"port": 80}, "initialDelaySeconds": 0},
        }],
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}, {"name": "w", "configMap": {"name": "x", "defaultMode": 420, "items": [{"key": "k", "path": "p"}]}}],
        "terminationGracePeriodSeconds": 0, "priority": -5, "nodeName": "n",
        "tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 300}],
        "securityContext": {"supplementalGroups": [1, 2**40]},
    },
    "status": {"startTime": "2027-01-15T08:00:01Z"},
}  # fmt: skip


def test_a_pod():
    raw = message("core/v1", "Pod", POD)
    assert decode(Pod, to_json(envelope("v1", "Pod", raw))) == decode(
        Pod, json.dumps(POD, separators=(",", ":")).encode()
    )


def test_bytes_in_maps():
    tree = {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "s"},
        "data": {"a": "AAEC", "b": ""},
        "immutable": True,
    }
    found = to_json(envelope("v1", "Secret", message("core/v1", "Secret", tree)))
    assert decode(Secret, found) == decode(Secret, json.dumps(tree).encode())


@pytest.mark.parametrize(
    ("api_version", "package", "tree"),
    [
        ("coordination.k8s.io/v1", "coordination/v1", {"kind": "Lease", "metadata": {"name": "l"}, "spec": {"holderIdentity": "h", "leaseDurationSeconds": 40, "renewTime": "2027-01-15T08:00:00.123456Z"}}),
        ("authorization.k8s.io/v1", "authorization/v1", {"kind": "SubjectAccessReview", "spec": {"user": "u", "groups": ["a"], "extra": {"scopes": ["x", "y"]}, "resourceAttributes": {"verb": "get", "resource": "pods"}}}),
        ("apps/v1", "apps/v1", {"kind": "ControllerRevision", "metadata": {"name": "r"}, "data": {"spec": {"a": [1, None]}}, "revision": 7}),
        ("apps/v1", "apps/v1", {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 0, "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}}}),
        ("networking.k8s.io/v1", "networking/v1", {"kind": "Ingress", "spec": {"rules": [{"host": "h", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}}),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_other_shapes(api_version, package, tree):
    found = json.loads(to_json(envelope(api_version, tree["kind"], message(package, tree["kind"], tree))))
    assert found == {"apiVersion": api_version, **tree}


def test_packed_numbers():
    raw = field(2, field(14, field(4, varint(1) + varint(2**40))))
    assert json.loads(to_json(envelope("v1", "Pod", raw)))["spec"]["securityContext"][
        "supplementalGroups"
    ] == [1, 2**40]


def test_what_kubectl_sends():
    found = json.loads(to_json(KUBECTL_WHOAMI))
    assert (found["kind"], found["apiVersion"]) == ("SelfSubjectReview", "authentication.k8s.io/v1")
    assert found["status"] == {"userInfo": {"username": "", "uid": ""}}
    assert found["metadata"]["creationTimestamp"] is None


def test_schemas_have_forms_of_their_own():
    items = field(24, field(1, field(5, b"string")))
    extra = field(30, field(1, 1))
    dependencies = field(32, field(1, b"a") + field(2, field(2, b"b")))
    schema = field(5, b"object") + items + extra + dependencies + field(8, field(1, b'{"d":1}'))
    version = field(1, b"v1") + field(4, field(1, schema))
    raw = field(2, field(1, b"g") + field(7, version))
    found = json.loads(to_json(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", raw)))
    assert found["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == {
        "type": "object", "items": {"type": "string"}, "additionalProperties": True, "dependencies": {"a": ["b"]}, "default": {"d": 1},
    }  # fmt: skip


def nested(depth):
    schema = b""
    for _ in range(depth):
        schema = field(28, schema)
    return envelope(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", field(2, field(7, field(4, field(1, schema))))
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected prefix"),
        (b'{"kind":"Pod"}', "expected prefix"),
        (MAGIC + b"\x0a\x7f", "unexpected EOF"),
        (MAGIC + b"\x0a", "unexpected EOF"),
        (MAGIC + b"\x0b", "illegal wireType"),
        (MAGIC + b"\xff" * 11, "integer overflow"),
        (MAGIC + b"\x08\x01", "wrong wireType"),
        (envelope("v1", "Frob", b""), 'no kind "Frob" is registered for version "v1"'),
        (envelope("v1", "Pod", b"\x0a\x02\x0a\x05"), "unexpected EOF"),
        (envelope("v1", "Pod", field(1, field(1, b"\xff\xfe"))), "proto: "),
        (envelope("v1", "ConfigMap", field(1, 7)), "wrong wireType"),
        (nested(200), "exceeded max depth"),
    ],
)
def test_what_is_no_object_is_said(data, message):
    with pytest.raises(DecodeError, match=message):
        to_json(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    for body in (data, MAGIC + data, envelope("v1", "Pod", data)):
        try:
            json.loads(to_json(body))
        except DecodeError:
            continue


async def test_a_body_is_read_like_any_other():
    table = builtin_table()
    pods = expected_body(table.get("", "v1", "pods"), None)
    reader = BodyReader(table)
    body = envelope("v1", "Pod", message("core/v1", "Pod", POD))
    pod = await reader.read_object(body, "application/vnd.kubernetes.protobuf", pods, "Strict", [])
    assert pod.metadata.name == "p"
    with pytest.raises(ApiError) as caught:
        await reader.read_object(body[:-3], "application/vnd.kubernetes.protobuf", pods, "", [])
    assert caught.value.code == 400
    options = envelope("v1", "DeleteOptions", field(1, 5))
    found = await reader.read_delete_options(options, "application/vnd.kubernetes.protobuf")
    assert found.grace_period_seconds == 5


def test_fixed_width_numbers():
    """No built-in field has them but those of type double."""
    entry = next(
        entry for entry in message_of("apiextensions/v1", "JSONSchemaProps") if entry.json == "maximum"
    )
    schema = varint(entry.proto << 3 | 1) + pack("<d", 2.5)
    raw = field(2, field(7, field(4, field(1, schema))))
    found = json.loads(to_json(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", raw)))
    assert found["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == {"maximum": 2.5}
