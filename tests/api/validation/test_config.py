"""ConfigMaps and Secrets."""

import base64

import pytest

from kube.api.types.core_v1 import ConfigMap, Secret

META = {"metadata": {"name": "c", "namespace": "default", "resourceVersion": "1"}}
MIB = 1024 * 1024


def b64(text: bytes) -> str:
    return base64.b64encode(text).decode()


CONFIG_MAPS = {
    "sound": ({"data": {"a.b-c_D": "x"}, "binaryData": {"d": b64(b"\x00")}}, []),
    "keys": (
        {"data": {"..": "x", "a/b": "y"}},
        [
            "data[..]: Invalid value: \"..\": must not be '..'",
            (
                "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or"
                " '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
            ),
        ],
    ),
    "in both": (
        {"data": {"a": "x"}, "binaryData": {"a": ""}},
        ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ),
    "full": ({"data": {"a": "x" * MIB}}, []),
    "too large": (
        {"data": {"a": "\u00e9" * (MIB // 2)}, "binaryData": {"b": b64(b"x")}},
        ["[]: Too long: may not be more than 1048576 bytes"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CONFIG_MAPS.values(), ids=CONFIG_MAPS)
def test_config_map(faults, changes, expected):
    assert faults(ConfigMap, META, changes) == expected


IMMUTABLE = "Forbidden: field is immutable when `immutable` is set"
CONFIG_MAP_UPDATES = {
    "mutable": ({"data": {"a": "1"}}, {"data": {"a": "2"}}, []),
    "made immutable": ({}, {"immutable": True}, []),
    "immutable": (
        {"immutable": True, "data": {"a": "1"}},
        {"data": {"a": "2"}, "binaryData": {"b": b64(b"x")}},
        [f"immutable: {IMMUTABLE}", f"data: {IMMUTABLE}", f"binaryData: {IMMUTABLE}"],
    ),
    "labels of an immutable one": (
        {"immutable": True},
        {"immutable": True, "metadata.labels": {"a": "b"}},
        [],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), CONFIG_MAP_UPDATES.values(), ids=CONFIG_MAP_UPDATES)
def test_config_map_update(update_faults, before, after, expected):
    assert update_faults(ConfigMap, META, before, after) == expected


REDACTED = 'Invalid value: "<secret contents redacted>"'
SECRETS = {
    "opaque": ({"data": {"a": b64(b"\xff")}}, []),
    "own type": ({"type": "example.com/x"}, []),
    "key": ({"data": {"a b": ""}}, ['data[a b]: Invalid value: "a b": a valid config key']),
    "too large": (
        {"data": {"a": b64(b"x" * (MIB + 1))}},
        ["data: Too long: may not be more than 1048576 bytes"],
    ),
    "token without account": (
        {"type": "kubernetes.io/service-account-token"},
        ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
    ),
    "dockercfg": ({"type": "kubernetes.io/dockercfg"}, ["data[.dockercfg]: Required value"]),
    "docker config": (
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": b64(b'{"auths":{}}')}},
        [],
    ),
    "docker config that is cut": (
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": b64(b'{"auths":')}},
        [f"data[.dockerconfigjson]: {REDACTED}: unexpected end of JSON input"],
    ),
    "docker config that is no JSON": (
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": b64(b"auths")}},
        [f"data[.dockerconfigjson]: {REDACTED}: invalid character 'a' looking for beginning of value"],
    ),
    "docker config that is a list": (
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": b64(b"[]")}},
        [
            (
                f"data[.dockerconfigjson]: {REDACTED}: json: cannot unmarshal array into Go value of type"
                " map[string]interface {}"
            )
        ],
    ),
    "basic auth": (
        {"type": "kubernetes.io/basic-auth"},
        ["data[username]: Required value", "data[password]: Required value"],
    ),
    "basic auth with a name only": (
        {"type": "kubernetes.io/basic-auth", "stringData": {"username": ""}},
        [],
    ),
    "ssh": (
        {"type": "kubernetes.io/ssh-auth", "stringData": {"ssh-privatekey": ""}},
        ["data[ssh-privatekey]: Required value"],
    ),
    "tls": (
        {"type": "kubernetes.io/tls", "stringData": {"tls.crt": ""}},
        ["data[tls.key]: Required value"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), SECRETS.values(), ids=SECRETS)
def test_secret(faults, changes, expected):
    errors = faults(Secret, META, changes)
    assert len(errors) == len(expected)
    assert all(error.startswith(start) for error, start in zip(errors, expected, strict=True))


def test_secret_update(update_faults):
    before = {"immutable": True, "stringData": {"a": "1"}}
    after = {"immutable": True, "stringData": {"a": "2"}, "type": "kubernetes.io/tls"}
    assert update_faults(Secret, META, before, after) == [
        'type: Invalid value: "kubernetes.io/tls": field is immutable',
        f"data: {IMMUTABLE}",
        "data[tls.crt]: Required value",
        "data[tls.key]: Required value",
    ]
