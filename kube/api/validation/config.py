"""The rules of ConfigMaps and Secrets.

Source of the semantics: pkg/apis/core/validation; the API pages "ConfigMaps" and "Secrets"; KEP-1412 (immutable).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from kube.api.types.core_v1 import ConfigMap, Secret
from kube.api.validation.checks import (
    Errors,
    config_map_key,
    name_is_dns_subdomain,
    report,
    validate_immutable,
)
from kube.api.validation.metadata import (
    METADATA,
    validate_object_meta,
    validate_object_meta_update,
)
from kube.apimachinery.field import Path, forbidden, invalid, required, too_long

MAX_SIZE: Final = 1024 * 1024
"""Bytes of all values together."""

_DATA: Final = Path("data")
_BINARY_DATA: Final = Path("binaryData")
_IMMUTABLE: Final = "field is immutable when `immutable` is set"
_SERVICE_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
_JSON_KEYS: Final = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}


def validate_config_map(config_map: ConfigMap) -> Errors:
    errors = validate_object_meta(config_map.metadata, True, name_is_dns_subdomain)
    size = 0
    for key, text in config_map.data.items():
        if complaints := config_map_key(key):
            report(_DATA.key(key), key, complaints, errors)
        if key in config_map.binary_data:
            errors.append(invalid(_DATA.key(key), key, "duplicate of key present in binaryData"))
        size += len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    size += _validate_bytes(config_map.binary_data, _BINARY_DATA, errors)
    if size > MAX_SIZE:
        errors.append(too_long(Path(""), MAX_SIZE))
    return errors


def _validate_bytes(data: Mapping[str, bytes], path: Path, errors: Errors) -> int:
    """The size of the values."""
    size = 0
    for key, value in data.items():
        if complaints := config_map_key(key):
            report(path.key(key), key, complaints, errors)
        size += len(value)
    return size


def _validate_still_immutable(new: ConfigMap | Secret, old: ConfigMap | Secret, errors: Errors) -> None:
    if not old.immutable:
        return
    if not new.immutable:
        errors.append(forbidden(Path("immutable"), _IMMUTABLE))
    if new.data != old.data:
        errors.append(forbidden(_DATA, _IMMUTABLE))
    if isinstance(new, ConfigMap) and isinstance(old, ConfigMap) and new.binary_data != old.binary_data:
        errors.append(forbidden(_BINARY_DATA, _IMMUTABLE))


def validate_config_map_update(new: ConfigMap, old: ConfigMap) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_still_immutable(new, old, errors)
    return errors + validate_config_map(new)


def validate_secret(secret: Secret) -> Errors:
    errors = validate_object_meta(secret.metadata, True, name_is_dns_subdomain)
    if _validate_bytes(secret.data, _DATA, errors) > MAX_SIZE:
        errors.append(too_long(_DATA, MAX_SIZE))
    match secret.type:
        case "kubernetes.io/service-account-token":
            if not secret.metadata.annotations.get(_SERVICE_ACCOUNT_NAME):
                at = METADATA.child("annotations").key(_SERVICE_ACCOUNT_NAME)
                errors.append(required(at))
        case "kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson":
            _validate_json(secret, _JSON_KEYS[secret.type], errors)
        case "kubernetes.io/basic-auth":
            if "username" not in secret.data and "password" not in secret.data:
                errors += [required(_DATA.key("username")), required(_DATA.key("password"))]
        case "kubernetes.io/ssh-auth":
            if not secret.data.get("ssh-privatekey"):
                errors.append(required(_DATA.key("ssh-privatekey")))
        case "kubernetes.io/tls":
            for key in ("tls.crt", "tls.key"):
                if key not in secret.data:
                    errors.append(required(_DATA.key(key)))
    return errors


def _validate_json(secret: Secret, key: str, errors: Errors) -> None:
    content = secret.data.get(key)
    if content is None:
        errors.append(required(_DATA.key(key)))
    elif fault := _json_object_fault(content):
        errors.append(invalid(_DATA.key(key), "<secret contents redacted>", fault))


_GO_KINDS: Final = {str: "string", bool: "bool", int: "number", float: "number", list: "array"}


def _json_object_fault(content: bytes) -> str:
    """Why the bytes are no JSON object, in the words of Go's encoding/json; "" if they are."""
    try:
        value = json.loads(content.decode(errors="replace"))
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()):
            return "unexpected end of JSON input"
        return f"invalid character {error.doc[error.pos]!r} looking for beginning of value"
    if value is None or isinstance(value, dict):
        return ""
    return f"json: cannot unmarshal {_GO_KINDS[type(value)]} into Go value of type map[string]interface {{}}"


def validate_secret_update(new: Secret, old: Secret) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    validate_immutable(new.type, old.type, Path("type"), errors)
    _validate_still_immutable(new, old, errors)
    return errors + validate_secret(new)
