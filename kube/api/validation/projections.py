"""The rules of volumes that project objects into files: Secrets, ConfigMaps, the downward API, tokens, certificates.

Source of the semantics: pkg/apis/core/validation; the API page "Projected Volumes"; KEP-3257, KEP-4317.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from kube.api.types.core_v1 import (
    ClusterTrustBundleProjection,
    ConfigMapProjection,
    ConfigMapVolumeSource,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    KeyToPath,
    PodCertificateProjection,
    ProjectedVolumeSource,
    SecretProjection,
    SecretVolumeSource,
    ServiceAccountTokenProjection,
    VolumeProjection,
)
from kube.api.validation.checks import (
    Errors,
    validate_file_mode,
    validate_local_non_reserved_path,
)
from kube.api.validation.env import VOLUME_FIELDS, validate_field_ref, validate_resource_field_ref
from kube.api.validation.selectors import validate_label_selector
from kube.api.validation.signers import (
    signer_of_bundle,
    trust_bundle_name_complaints,
    validate_signer_name,
)
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required

_CONFLICT: Final = "conflicting duplicate paths"
_TOKEN_MIN: Final = 600
_TOKEN_MAX: Final = 2**32
_KEY_TYPES: Final = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_CERTIFICATE_MIN: Final = 3600
_CERTIFICATE_MAX: Final = 91 * 24 * 3600
_KUBERNETES_CERTIFICATE_MAX: Final = 24 * 3600


def validate_secret(source: SecretVolumeSource, path: Path, errors: Errors) -> None:
    if not source.secret_name:
        errors.append(required(path.child("secretName")))
    _validate_files(source, path, errors)


def validate_config_map(source: ConfigMapVolumeSource, path: Path, errors: Errors) -> None:
    if not source.name:
        errors.append(required(path.child("name")))
    _validate_files(source, path, errors)


def _validate_files(source: SecretVolumeSource | ConfigMapVolumeSource, path: Path, errors: Errors) -> None:
    validate_file_mode(source.default_mode, path.child("defaultMode"), errors)
    for i, item in enumerate(source.items):
        _validate_key_to_path(item, path.child("items").index(i), errors)


def _validate_key_to_path(item: KeyToPath, path: Path, errors: Errors) -> None:
    if not item.key:
        errors.append(required(path.child("key")))
    if not item.path:
        errors.append(required(path.child("path")))
    validate_local_non_reserved_path(item.path, path.child("path"), errors)
    if item.mode is not None:
        validate_file_mode(item.mode, path.child("mode"), errors)


_NOWHERE: Final = Path("projected")


def validate_downward_api(source: DownwardAPIVolumeSource, path: Path, errors: Errors) -> None:
    validate_file_mode(source.default_mode, path.child("defaultMode"), errors)
    for item in source.items:
        _validate_downward_file(item, path, errors)


def _validate_downward_file(item: DownwardAPIVolumeFile, path: Path, errors: Errors) -> None:
    if not item.path:
        errors.append(required(path.child("path")))
    validate_local_non_reserved_path(item.path, path.child("path"), errors)
    if item.field_ref is not None:
        validate_field_ref(item.field_ref, VOLUME_FIELDS, path.child("fieldRef"), errors)
        if item.resource_field_ref is not None:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            errors.append(invalid(path, "resource", detail))
    elif item.resource_field_ref is not None:
        at = path.child("resourceFieldRef")
        validate_resource_field_ref(item.resource_field_ref, at, errors, volume=True)
    else:
        errors.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    if item.mode is not None:
        validate_file_mode(item.mode, path.child("mode"), errors)


def validate_projected(source: ProjectedVolumeSource, path: Path, errors: Errors) -> None:
    try:
        sound = _is_sound(source)
    except TypeError:  # a map somewhere within cannot be looked up
        sound = False
    if not sound:
        _validate_sources(source, path, errors)


@lru_cache(256)
def _is_sound(source: ProjectedVolumeSource) -> bool:
    """Whether a projected volume is without fault: nearly all are that of the service account's token."""
    errors: Errors = []
    _validate_sources(source, _NOWHERE, errors)
    return not errors


def _validate_sources(source: ProjectedVolumeSource, path: Path, errors: Errors) -> None:
    validate_file_mode(source.default_mode, path.child("defaultMode"), errors)
    taken: set[str] = set()
    for i, projection in enumerate(source.sources):
        given = _validate_projection(projection, path, i, taken, errors)
        if given > 1:
            at = path.child("sources").index(i)
            errors.append(forbidden(at, "may not specify more than 1 volume type per source"))


def _validate_projection(
    projection: VolumeProjection, path: Path, i: int, taken: set[str], errors: Errors
) -> int:
    """How many sources the projection gives; ``taken`` gathers the paths of the whole volume."""
    at = path.child("sources").index(i)
    given = 0
    if projection.secret is not None:
        given += 1
        _validate_items(projection.secret, at.child("secret"), path, taken, errors)
    if projection.config_map is not None:
        given += 1
        _validate_items(projection.config_map, at.child("configMap"), path, taken, errors)
    if projection.downward_api is not None:
        given += 1
        for item in projection.downward_api.items:
            _validate_downward_file(item, at.child("downwardAPI"), errors)
            _take(item.path, item.path, path, taken, errors)
    if projection.service_account_token is not None:
        given += 1
        _validate_token(projection.service_account_token, at.child("serviceAccountToken"), path, errors)
    if projection.cluster_trust_bundle is not None:
        given += 1
        bundle = projection.cluster_trust_bundle
        _validate_trust_bundle(bundle, at.child("clusterTrustBundle"), errors)
        _take(bundle.path, bundle.path, path, taken, errors)
    if projection.pod_certificate is not None:
        given += 1
        certificate_path = at.child("podCertificate")
        _validate_certificate(projection.pod_certificate, certificate_path, path, taken, errors)
    return given


def _take(target: str, bad_value: str, path: Path, taken: set[str], errors: Errors) -> None:
    if not target:
        return
    if target in taken:
        errors.append(invalid(path, bad_value, _CONFLICT))
    taken.add(target)


def _validate_items(
    source: SecretProjection | ConfigMapProjection,
    path: Path,
    volume_path: Path,
    taken: set[str],
    errors: Errors,
) -> None:
    if not source.name:
        errors.append(required(path.child("name")))
    items: Sequence[KeyToPath] = source.items
    for i, item in enumerate(items):
        _validate_key_to_path(item, path.child("items").index(i), errors)
        _take(item.path, source.name, volume_path, taken, errors)


def _validate_token(
    token: ServiceAccountTokenProjection, path: Path, volume_path: Path, errors: Errors
) -> None:
    seconds = token.expiration_seconds or 0
    if seconds < _TOKEN_MIN:
        detail = "may not specify a duration less than 10 minutes"
        errors.append(invalid(path.child("expirationSeconds"), seconds, detail))
    if seconds > _TOKEN_MAX:
        detail = "may not specify a duration larger than 2^32 seconds"
        errors.append(invalid(path.child("expirationSeconds"), seconds, detail))
    if not token.path:
        errors.append(required(volume_path.child("path")))
    else:
        validate_local_non_reserved_path(token.path, volume_path.child("path"), errors)


def _validate_trust_bundle(bundle: ClusterTrustBundleProjection, path: Path, errors: Errors) -> None:
    name, signer = bundle.name, bundle.signer_name
    if name is not None and signer is not None:
        errors.append(invalid(path, bundle, "only one of name and signerName may be used"))
    elif name is not None:
        if not name:
            errors.append(required(path.child("name"), "must be a valid object name"))
        for complaint in trust_bundle_name_complaints(name, signer_of_bundle(name)):
            detail = f"not a valid clustertrustbundlename: {complaint}"
            errors.append(invalid(path.child("name"), name, detail))
        if bundle.label_selector is not None:
            detail = "labelSelector must be unset if name is specified"
            errors.append(invalid(path.child("labelSelector"), bundle.label_selector, detail))
    elif signer is not None:
        if not signer:
            errors.append(required(path.child("signerName"), "must be a valid signer name"))
        validate_signer_name(signer, path.child("signerName"), errors)
        validate_label_selector(bundle.label_selector, path.child("labelSelector"), errors)
    else:
        errors.append(required(path, "either name or signerName must be specified"))
    if not bundle.path:
        errors.append(required(path.child("path")))
    validate_local_non_reserved_path(bundle.path, path.child("path"), errors)


def _validate_certificate(
    certificate: PodCertificateProjection,
    path: Path,
    volume_path: Path,
    taken: set[str],
    errors: Errors,
) -> None:
    signer, seconds = certificate.signer_name, certificate.max_expiration_seconds
    validate_signer_name(signer, path.child("signerName"), errors)
    if certificate.key_type not in _KEY_TYPES:
        errors.append(not_supported(path.child("keyType"), certificate.key_type, _KEY_TYPES))
    if seconds is not None:
        at = path.child("maxExpirationSeconds")
        most = _KUBERNETES_CERTIFICATE_MAX if signer.startswith("kubernetes.io/") else _CERTIFICATE_MAX
        if seconds < _CERTIFICATE_MIN:
            detail = f"if provided, maxExpirationSeconds must be >= {_CERTIFICATE_MIN}"
            errors.append(invalid(at, seconds, detail))
        elif seconds > most:
            errors.append(invalid(at, seconds, f"if provided, maxExpirationSeconds must be <= {most}"))
    targets = (
        ("credentialBundlePath", certificate.credential_bundle_path),
        ("keyPath", certificate.key_path),
        ("certificateChainPath", certificate.certificate_chain_path),
    )
    for name, target in targets:
        if target:
            validate_local_non_reserved_path(target, path.child(name), errors)
            _take(target, target, volume_path, taken, errors)
    if not any(target for _, target in targets):
        detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        errors.append(required(path, detail))
