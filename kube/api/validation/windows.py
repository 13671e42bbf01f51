"""The rules that depend on a pod's operating system: Windows options, host processes, what each system cannot have.

Source of the semantics: pkg/apis/core/validation, KEP-1981 (host process containers), KEP-2802 (``spec.os``).
"""

from __future__ import annotations

import re
from typing import Final

from kube.api.helpers.pods import containers
from kube.api.types.core_v1 import PodSpec, WindowsSecurityContextOptions
from kube.api.validation.checks import Errors, dns1123_subdomain, report
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required

_SYSTEMS: Final = ("linux", "windows")
_SPEC_MAX_KIB: Final = 64
_DOMAIN_MAX: Final = 256
_USER_MAX: Final = 104

# Patterns that few pods need stay text: compiling them would cost every start.
_CONTROL: Final = r"[\x00-\x1f\x7f]"
_NETBIOS: Final = r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}'
_DNS_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS: Final = rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*"
_ONLY_DOTS: Final = "[. ]+"
_NO_USER_CHARS: Final = r'["/\\:;|=,+*?<>@\[\]]'


def validate_windows_options(
    options: WindowsSecurityContextOptions | None, path: Path, errors: Errors
) -> None:
    if options is None:
        return
    name, spec = options.gmsa_credential_spec_name, options.gmsa_credential_spec
    if name is not None:
        report(path.child("gmsaCredentialSpecName"), name, dns1123_subdomain(name), errors)
    if spec == "":
        detail = "gmsaCredentialSpec cannot be an empty string"
        errors.append(invalid(path.child("gmsaCredentialSpec"), spec, detail))
    elif spec is not None and len(spec.encode()) > _SPEC_MAX_KIB * 1024:
        detail = f"gmsaCredentialSpec size must be under {_SPEC_MAX_KIB} KiB"
        errors.append(invalid(path.child("gmsaCredentialSpec"), spec, detail))
    if options.run_as_user_name is not None:
        at = path.child("runAsUserName")
        report(at, options.run_as_user_name, _user_name_complaints(options.run_as_user_name), errors)


def _user_name_complaints(text: str) -> list[str]:
    r"""``DOMAIN\user``, the domain in NetBIOS or DNS form and optional."""
    parts = text.split("\\")
    if not text:
        return ["runAsUserName cannot be an empty string"]
    if re.search(_CONTROL, text):
        return ["runAsUserName cannot contain control characters"]
    if len(parts) > 2:
        return ["runAsUserName cannot contain more than one backslash"]
    user = parts[-1]
    checks = (
        (
            len(parts) == 2 and len(parts[0].encode()) >= _DOMAIN_MAX,
            f"runAsUserName's Domain length must be under {_DOMAIN_MAX} characters",
        ),
        (
            len(parts) == 2 and not (re.fullmatch(_NETBIOS, parts[0]) or re.fullmatch(_DNS, parts[0])),
            "runAsUserName's Domain doesn't match the NetBios nor the DNS format",
        ),
        (not user, "runAsUserName's User cannot be empty"),
        (
            len(user.encode()) > _USER_MAX,
            f"runAsUserName's User length must not be longer than {_USER_MAX} characters",
        ),
        (
            re.fullmatch(_ONLY_DOTS, user) is not None,
            "runAsUserName's User cannot contain only periods or spaces",
        ),
        (
            re.search(_NO_USER_CHARS, user) is not None,
            "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]",
        ),
    )
    return [complaint for wrong, complaint in checks if wrong]


def validate_host_process(spec: PodSpec, path: Path, errors: Errors) -> None:
    """Host process containers: all of a pod's or none, on the host's network."""
    context = spec.security_context
    options = context.windows_options if context is not None else None
    of_pod = options.host_process if options is not None else None
    count = total = 0
    for field, i, container in containers(spec):
        total += 1
        inner = container.security_context
        options = inner.windows_options if inner is not None else None
        own = options.host_process if options is not None else None
        if of_pod is not None and own is not None and of_pod != own:
            at = path.child(field).index(i).child("securityContext", "windowsOptions", "hostProcess")
            was = "true" if of_pod else "false"
            detail = f"pod hostProcess value must be identical if both are specified, was {was}"
            errors.append(invalid(at, own, detail))
        count += own is True or (own is None and of_pod is True)
    if count and count != total:
        detail = (
            "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        )
        errors.append(invalid(path, "", detail))
    if count and not spec.host_network:
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        errors.append(invalid(path.child("hostNetwork"), False, detail))


_NOT_ON_WINDOWS_POD: Final = (
    ("app_armor_profile", "appArmorProfile"),
    ("se_linux_options", "seLinuxOptions"),
    ("seccomp_profile", "seccompProfile"),
    ("fs_group", "fsGroup"),
    ("fs_group_change_policy", "fsGroupChangePolicy"),
    ("sysctls", "sysctls"),
    ("run_as_user", "runAsUser"),
    ("run_as_group", "runAsGroup"),
    ("supplemental_groups", "supplementalGroups"),
    ("supplemental_groups_policy", "supplementalGroupsPolicy"),
    ("se_linux_change_policy", "seLinuxChangePolicy"),
)
_NOT_ON_WINDOWS_CONTAINER: Final = (
    ("app_armor_profile", "appArmorProfile"),
    ("se_linux_options", "seLinuxOptions"),
    ("seccomp_profile", "seccompProfile"),
    ("capabilities", "capabilities"),
    ("read_only_root_filesystem", "readOnlyRootFilesystem"),
    ("privileged", "privileged"),
    ("allow_privilege_escalation", "allowPrivilegeEscalation"),
    ("proc_mount", "procMount"),
    ("run_as_user", "runAsUser"),
    ("run_as_group", "runAsGroup"),
)
_WINDOWS: Final = "cannot be set for a windows pod"
_LINUX: Final = "windows options cannot be set for a linux pod"


def validate_os(spec: PodSpec, path: Path, errors: Errors) -> None:
    if spec.os is None:
        return
    if not spec.os.name:
        errors.append(required(path.child("os", "name"), "cannot be empty"))
    elif spec.os.name not in _SYSTEMS:
        errors.append(not_supported(path.child("os"), spec.os.name, _SYSTEMS))
    elif spec.os.name == "linux":
        _validate_linux(spec, path, errors)
    else:
        _validate_windows(spec, path, errors)


def _validate_linux(spec: PodSpec, path: Path, errors: Errors) -> None:
    context = spec.security_context
    if context is not None and context.windows_options is not None:
        errors.append(forbidden(path.child("securityContext", "windowsOptions"), _LINUX))
    for field, i, container in containers(spec):
        inner = container.security_context
        if inner is not None and inner.windows_options is not None:
            at = path.child(field).index(i).child("securityContext", "windowsOptions")
            errors.append(forbidden(at, _LINUX))


def _validate_windows(spec: PodSpec, path: Path, errors: Errors) -> None:
    context = spec.security_context
    if context is not None:
        for attribute, name in _NOT_ON_WINDOWS_POD[:2]:
            _forbid(getattr(context, attribute), path.child("securityContext", name), errors)
    for name, given in (
        ("hostUsers", spec.host_users is not None),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
    ):
        if given:
            errors.append(forbidden(path.child(name), _WINDOWS))
    if context is not None:
        for attribute, name in _NOT_ON_WINDOWS_POD[2:]:
            if name == "runAsUser" and spec.share_process_namespace is not None:
                errors.append(forbidden(path.child("shareProcessNamespace"), _WINDOWS))
            _forbid(getattr(context, attribute), path.child("securityContext", name), errors)
    for field, i, container in containers(spec):
        inner = container.security_context
        if inner is None:
            continue
        for attribute, name in _NOT_ON_WINDOWS_CONTAINER:
            at = path.child(field).index(i).child("securityContext", name)
            _forbid(getattr(inner, attribute), at, errors)


def _forbid(value: object, path: Path, errors: Errors) -> None:
    if value is not None and value != ():
        errors.append(forbidden(path, _WINDOWS))
