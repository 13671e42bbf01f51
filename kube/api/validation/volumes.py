"""The rules of a pod's volumes.

Source of the semantics: pkg/apis/core/validation; the API page "Volumes".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import astuple

from kube.api.types.core_v1 import (
    EmptyDirVolumeSource,
    EphemeralVolumeSource,
    ImageVolumeSource,
    PersistentVolumeClaimVolumeSource,
    Volume,
)
from kube.api.validation.checks import (
    Errors,
    Validator,
    dns1123_label,
    name_is_dns_subdomain,
    report,
    validate_one_of,
)
from kube.api.validation.persistent_volume_claim import validate_claim_template
from kube.api.validation.projections import (
    validate_config_map,
    validate_downward_api,
    validate_projected,
    validate_secret,
)
from kube.api.validation.volume_sources import (
    SHARED,
    validate_csi,
    validate_git_repo,
    validate_iscsi_portal,
)
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, required
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.quantity import parse_quantity

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_ONE_TYPE: Final = "may not specify more than 1 volume type"


def _validate_empty_dir(source: EmptyDirVolumeSource, path: Path, errors: Errors) -> None:
    if source.size_limit is not None and parse_quantity(source.size_limit) < 0:
        detail = "SizeLimit field must be a valid resource quantity"
        errors.append(forbidden(path.child("sizeLimit"), detail))


def _validate_claim_source(source: PersistentVolumeClaimVolumeSource, path: Path, errors: Errors) -> None:
    if not source.claim_name:
        errors.append(required(path.child("claimName")))


def _validate_ephemeral(source: EphemeralVolumeSource, path: Path, errors: Errors) -> None:
    at = path.child("volumeClaimTemplate")
    if source.volume_claim_template is None:
        errors.append(required(at))
    else:
        validate_claim_template(source.volume_claim_template, at, errors)


def _validate_image(source: ImageVolumeSource, path: Path, errors: Errors) -> None:
    validate_one_of(source.pull_policy, PULL_POLICIES, path.child("pullPolicy"), errors)


class _SourceRule(NamedTuple):
    """``name`` is the source's name in its errors; ``other`` where upstream spells it otherwise as a second source."""

    attribute: str
    name: str
    validate: Validator
    other: str = ""


_RULES: Final = (
    _SourceRule("empty_dir", "emptyDir", _validate_empty_dir),
    _SourceRule("host_path", "hostPath", SHARED["host_path"]),
    _SourceRule("git_repo", "gitRepo", validate_git_repo),
    _SourceRule("gce_persistent_disk", "persistentDisk", SHARED["gce_persistent_disk"], "gcePersistentDisk"),
    _SourceRule("aws_elastic_block_store", "awsElasticBlockStore", SHARED["aws_elastic_block_store"]),
    _SourceRule("secret", "secret", validate_secret),
    _SourceRule("nfs", "nfs", SHARED["nfs"]),
    _SourceRule("iscsi", "iscsi", SHARED["iscsi"]),
    _SourceRule("glusterfs", "glusterfs", SHARED["glusterfs"]),
    _SourceRule("flocker", "flocker", SHARED["flocker"]),
    _SourceRule("persistent_volume_claim", "persistentVolumeClaim", _validate_claim_source),
    _SourceRule("rbd", "rbd", SHARED["rbd"]),
    _SourceRule("cinder", "cinder", SHARED["cinder"]),
    _SourceRule("cephfs", "cephfs", SHARED["cephfs"], "cephFS"),
    _SourceRule("quobyte", "quobyte", SHARED["quobyte"]),
    _SourceRule("downward_api", "downwardAPI", validate_downward_api, "downwarAPI"),
    _SourceRule("fc", "fc", SHARED["fc"]),
    _SourceRule("flex_volume", "flexVolume", SHARED["flex_volume"]),
    _SourceRule("config_map", "configMap", validate_config_map),
    _SourceRule("azure_file", "azureFile", SHARED["azure_file"]),
    _SourceRule("vsphere_volume", "vsphereVolume", SHARED["vsphere_volume"]),
    _SourceRule("photon_persistent_disk", "photonPersistentDisk", SHARED["photon_persistent_disk"]),
    _SourceRule("portworx_volume", "portworxVolume", SHARED["portworx_volume"]),
    _SourceRule("azure_disk", "azureDisk", SHARED["azure_disk"]),
    _SourceRule("storageos", "storageos", SHARED["storageos"]),
    _SourceRule("projected", "projected", validate_projected),
    _SourceRule("scale_io", "scaleIO", SHARED["scale_io"]),
    _SourceRule("csi", "csi", validate_csi),
    _SourceRule("ephemeral", "ephemeral", _validate_ephemeral),
    _SourceRule("image", "image", _validate_image),
)
"""In the order in which upstream looks at them: the first source counts."""

_FIELDS: Final = Volume.__struct_fields__
_RULE_OF: Final = tuple(
    next((i for i, rule in enumerate(_RULES) if rule.attribute == field), -1) for field in _FIELDS
)
"""The position in ``_RULES`` of each field of a Volume."""


def validate_volumes(
    volumes: Sequence[Volume], meta: ObjectMeta | None, path: Path, errors: Errors
) -> dict[str, Volume]:
    """The sound volumes by name. ``meta`` is the pod's, None for a template."""
    sound: dict[str, Volume] = {}
    claims = _created_claims(volumes, meta)
    for i, volume in enumerate(volumes):
        at = path.index(i)
        before = len(errors)
        _validate_source(volume, meta, at, errors)
        name = volume.name
        if not name:
            errors.append(required(at.child("name")))
        elif complaints := dns1123_label(name):
            report(at.child("name"), name, complaints, errors)
        if name in sound:
            errors.append(duplicate(at.child("name"), name))
        if len(errors) == before:
            sound[name] = volume
        claim = volume.persistent_volume_claim
        if claim is not None and claim.claim_name in claims:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            claim_at = at.child("persistentVolumeClaim", "claimName")
            errors.append(invalid(claim_at, claim.claim_name, detail))
    return sound


def _created_claims(volumes: Sequence[Volume], meta: ObjectMeta | None) -> frozenset[str]:
    """The names of the claims that will be made for the pod's ephemeral volumes."""
    if meta is None or not meta.name:
        return frozenset()
    return frozenset(f"{meta.name}-{volume.name}" for volume in volumes if volume.ephemeral is not None)


def _validate_source(volume: Volume, meta: ObjectMeta | None, path: Path, errors: Errors) -> None:
    values = astuple(volume)
    given = [_RULE_OF[i] for i, value in enumerate(values) if value is not None and i]
    if not given:
        errors.append(required(path, "must specify a volume type"))
        return
    given.sort()
    rule = _RULES[given[0]]
    if meta is not None and volume.image is not None and not volume.image.reference and len(given) == 1:
        errors.append(required(path.child("image", "reference")))
    rule.validate(getattr(volume, rule.attribute), path.child(rule.name), errors)
    if rule.attribute == "ephemeral" and meta is not None and meta.name and volume.name:
        claim = f"{meta.name}-{volume.name}"
        for complaint in name_is_dns_subdomain(claim, False):
            detail = f"PVC name {quote(claim)}: {complaint}"
            errors.append(invalid(path.child("name"), volume.name, detail))
    for other in given[1:]:
        second = _RULES[other]
        errors.append(forbidden(path.child(second.other or second.name), _ONE_TYPE))
    if volume.iscsi is not None:
        validate_iscsi_portal(volume.iscsi, volume.name, path.child("name"), volume.name, errors)
