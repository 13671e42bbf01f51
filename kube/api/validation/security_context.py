"""The rules of security contexts, of pods and of containers, and of what annotations still say about them.

Privileged containers are allowed, as by ``--allow-privileged``. Source of the semantics: pkg/apis/core/validation;
the API page "Configure a Security Context".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from kube.api.helpers.pods import containers
from kube.api.types.core_v1 import (
    AppArmorProfile,
    PodSecurityContext,
    PodSpec,
    SeccompProfile,
    SecurityContext,
    Sysctl,
)
from kube.api.validation.checks import Errors, report, validate_local_descending_path
from kube.api.validation.windows import validate_windows_options
from kube.apimachinery import names
from kube.apimachinery.field import (
    Path,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from kube.apimachinery.gofmt import quote

_PROFILE_TYPES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_PROC_MOUNTS: Final = ("Default", "Unmasked")
_POLICIES: Final = (
    ("fs_group_change_policy", "fsGroupChangePolicy", ("Always", "OnRootMismatch")),
    ("supplemental_groups_policy", "supplementalGroupsPolicy", ("Merge", "Strict")),
    ("se_linux_change_policy", "seLinuxChangePolicy", ("MountOption", "Recursive")),
)
_PATH_MAX: Final = 4095
_SYSCTL_MAX: Final = 253
_SYSCTL_SEGMENT: Final = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL: Final = rf"^({_SYSCTL_SEGMENT}[\./])*{_SYSCTL_SEGMENT}$"
_IPC_SYSCTLS: Final = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_UTS_SYSCTLS: Final = ("kernel.domainname", "kernel.hostname")

SECCOMP_POD_ANNOTATION: Final = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER_PREFIX: Final = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"
_LOCALHOST_PREFIX: Final = "localhost/"


def validate_pod_security_context(
    context: PodSecurityContext | None, spec: PodSpec, path: Path, errors: Errors
) -> None:
    if context is None:
        return
    for name, number in (
        ("fsGroup", context.fs_group),
        ("runAsUser", context.run_as_user),
        ("runAsGroup", context.run_as_group),
    ):
        if number is not None:
            report(path.child(name), number, names.user_id(number), errors)
    for i, group in enumerate(context.supplemental_groups):
        report(path.child("supplementalGroups").index(i), group, names.group_id(group), errors)
    if spec.share_process_namespace and spec.host_pid:
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(invalid(path.child("shareProcessNamespace"), True, detail))
    _validate_sysctls(context.sysctls, spec, path.child("sysctls"), errors)
    _validate_policy(context, 0, path, errors)
    _validate_seccomp(context.seccomp_profile, path.child("seccompProfile"), errors)
    validate_windows_options(context.windows_options, path.child("windowsOptions"), errors)
    _validate_apparmor(context.app_armor_profile, path.child("appArmorProfile"), errors)
    _validate_policy(context, 1, path, errors)
    _validate_policy(context, 2, path, errors)


def _validate_policy(context: PodSecurityContext, which: int, path: Path, errors: Errors) -> None:
    attribute, name, supported = _POLICIES[which]
    policy = getattr(context, attribute)
    if policy is not None and policy not in supported:
        errors.append(not_supported(path.child(name), policy, supported))


def _validate_sysctls(sysctls: tuple[Sysctl, ...], spec: PodSpec, path: Path, errors: Errors) -> None:
    seen: set[str] = set()
    for i, sysctl in enumerate(sysctls):
        at, name = path.index(i).child("name"), sysctl.name
        if not name:
            errors.append(required(at))
        elif len(name) > _SYSCTL_MAX or not re.fullmatch(_SYSCTL, name):
            detail = f"must have at most {_SYSCTL_MAX} characters and match regex {_SYSCTL}"
            errors.append(invalid(at, name, detail))
        elif name in seen:
            errors.append(duplicate(at, name))
        namespace = _sysctl_namespace(name)
        if spec.host_network and namespace == "net":
            errors.append(invalid(at, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.host_ipc and namespace == "ipc":
            errors.append(invalid(at, name, "may not be specified when 'hostIPC' is true"))
        seen.add(name)


def _sysctl_namespace(name: str) -> str:
    name = _dotted(name)
    if name == "kernel.sem" or name.startswith(_IPC_SYSCTLS):
        return "ipc"
    if name in _UTS_SYSCTLS:
        return "uts"
    return "net" if name.startswith("net.") else ""


def _dotted(name: str) -> str:
    """The name with dots between its parts, whichever separator it was written with."""
    separator = next((char for char in name if char in "./"), ".")
    return name if separator == "." else name.translate(str.maketrans("./", "/."))


def validate_security_context(context: SecurityContext, host_users: bool, path: Path, errors: Errors) -> None:
    """The security context of a container; ``host_users`` is false in a user namespace."""
    if context.run_as_user is not None:
        report(path.child("runAsUser"), context.run_as_user, names.user_id(context.run_as_user), errors)
    if context.run_as_group is not None:
        report(path.child("runAsGroup"), context.run_as_group, names.group_id(context.run_as_group), errors)
    mount = context.proc_mount
    if mount is not None and mount not in _PROC_MOUNTS:
        errors.append(not_supported(path.child("procMount"), mount, _PROC_MOUNTS))
    if mount == "Unmasked" and host_users:
        errors.append(invalid(path.child("procMount"), mount, "`hostUsers` must be false to use `Unmasked`"))
    _validate_seccomp(context.seccomp_profile, path.child("seccompProfile"), errors)
    if context.allow_privilege_escalation is False:
        _validate_no_escalation(context, path, errors)
    validate_windows_options(context.windows_options, path.child("windowsOptions"), errors)
    _validate_apparmor(context.app_armor_profile, path.child("appArmorProfile"), errors)


def _validate_no_escalation(context: SecurityContext, path: Path, errors: Errors) -> None:
    if context.privileged:
        detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        errors.append(invalid(path, context, detail))
    for capability in context.capabilities.add if context.capabilities is not None else ():
        if capability == "CAP_SYS_ADMIN":
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            errors.append(invalid(path, context, detail))


def _validate_seccomp(profile: SeccompProfile | None, path: Path, errors: Errors) -> None:
    if profile is None:
        return
    if not profile.type:
        errors.append(required(path.child("type"), "type is required when seccompProfile is set"))
    elif profile.type not in _PROFILE_TYPES:
        errors.append(not_supported(path.child("type"), profile.type, _PROFILE_TYPES))
    at, local = path.child("localhostProfile"), profile.localhost_profile
    if profile.type != "Localhost":
        if local is not None:
            errors.append(invalid(at, profile, "can only be set when seccomp type is Localhost"))
    elif local is None:
        errors.append(required(at, "must be set when seccomp type is Localhost"))
    else:
        validate_local_descending_path(local, at, errors)


def _validate_apparmor(profile: AppArmorProfile | None, path: Path, errors: Errors) -> None:
    if profile is None:
        return
    at, local = path.child("localhostProfile"), profile.localhost_profile
    match profile.type:
        case "Localhost":
            if local is None or (local == ""):
                errors.append(required(at, "must be set when AppArmor type is Localhost"))
            elif local != local.strip():
                errors.append(invalid(at, local, "must not be padded with whitespace"))
            if local is not None and names.longer_than(local, _PATH_MAX):
                errors.append(too_long(at, _PATH_MAX))
        case "RuntimeDefault" | "Unconfined":
            if local is not None:
                errors.append(invalid(at, local, "can only be set when AppArmor type is Localhost"))
        case "":
            errors.append(required(path.child("type"), "type is required when appArmorProfile is set"))
        case _:
            errors.append(not_supported(path.child("type"), profile.type, _PROFILE_TYPES))


# Annotations, from before the fields.


def has_profile_annotations(annotations: Mapping[str, str]) -> bool:
    for key in annotations:
        if key.startswith((SECCOMP_CONTAINER_PREFIX, APPARMOR_PREFIX)) or key == SECCOMP_POD_ANNOTATION:
            return True
    return False


def validate_profile_annotations(
    annotations: Mapping[str, str], spec: PodSpec, path: Path, errors: Errors
) -> None:
    for key, profile in annotations.items():
        if key == SECCOMP_POD_ANNOTATION or key.startswith(SECCOMP_CONTAINER_PREFIX):
            _validate_seccomp_annotation(profile, path.child(key), errors)
    known = {container.name for _, _, container in containers(spec)}
    for key, profile in annotations.items():
        if not key.startswith(APPARMOR_PREFIX):
            continue
        if (name := key.removeprefix(APPARMOR_PREFIX)) not in known:
            errors.append(invalid(path.key(key), name, "container not found"))
        if profile not in ("", "runtime/default", "unconfined") and not profile.startswith(_LOCALHOST_PREFIX):
            detail = f"invalid AppArmor profile name: {quote(profile)}"
            errors.append(invalid(path.key(key), profile, detail))


def _validate_seccomp_annotation(profile: str, path: Path, errors: Errors) -> None:
    if profile in ("runtime/default", "docker/default", "unconfined"):
        return
    if profile.startswith(_LOCALHOST_PREFIX):
        validate_local_descending_path(profile.removeprefix(_LOCALHOST_PREFIX), path, errors)
    else:
        errors.append(invalid(path, profile, "must be a valid seccomp profile"))


def validate_annotations_match_fields(
    annotations: Mapping[str, str], spec: PodSpec, path: Path, errors: Errors
) -> None:
    """Where both an annotation and a field name a profile, they must name the same."""
    if not has_profile_annotations(annotations):
        return
    context = spec.security_context
    if context is not None and SECCOMP_POD_ANNOTATION in annotations:
        at = path.child("securityContext", "seccompProfile")
        _match(annotations[SECCOMP_POD_ANNOTATION], context.seccomp_profile, at, "seccomp", errors)
    for kind in ("seccomp", "apparmor"):
        if kind == "apparmor" and spec.os is not None and spec.os.name == "windows":
            return
        _match_containers(kind, annotations, spec, path, errors)


def _match_containers(
    kind: str, annotations: Mapping[str, str], spec: PodSpec, path: Path, errors: Errors
) -> None:
    prefix = SECCOMP_CONTAINER_PREFIX if kind == "seccomp" else APPARMOR_PREFIX
    for field, i, container in containers(spec):
        annotation = annotations.get(f"{prefix}{container.name}")
        if annotation is None:
            continue
        at = path.child(field).index(i).child("securityContext")
        context = container.security_context
        if kind == "seccomp":
            seccomp = context.seccomp_profile if context is not None else None
            _match(annotation, seccomp, at.child("seccompProfile"), kind, errors)
            continue
        apparmor = context.app_armor_profile if context is not None else None
        if apparmor is None and spec.security_context is not None:
            apparmor = spec.security_context.app_armor_profile
        _match(annotation, apparmor, at.child("appArmorProfile"), kind, errors)


def _match(
    annotation: str, profile: SeccompProfile | AppArmorProfile | None, path: Path, kind: str, errors: Errors
) -> None:
    if profile is None:
        return
    same_type = {
        "Unconfined": annotation == "unconfined",
        "RuntimeDefault": annotation == "runtime/default"
        or (kind == "seccomp" and annotation == "docker/default"),
        "Localhost": annotation.startswith(_LOCALHOST_PREFIX),
    }
    if not same_type.get(profile.type, True):
        errors.append(forbidden(path.child("type"), f"{kind} type in annotation and field must match"))
    elif (
        profile.type == "Localhost"
        and annotation.removeprefix(_LOCALHOST_PREFIX) != profile.localhost_profile
    ):
        detail = f"{kind} profile in annotation and field must match"
        errors.append(forbidden(path.child("localhostProfile"), detail))
