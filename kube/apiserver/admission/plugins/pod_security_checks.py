# ruff: noqa: ARG001  # checks share a signature, whether or not they read all of it
"""The Pod Security Standards: what a pod may not have at the levels baseline and restricted.

Source of the semantics: k8s.io/pod-security-admission/policy at its latest version; KEP-2579; the page "Pod Security
Standards". A check answers with a reason and a detail, or with None.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from kube.api.types.core_v1 import Container, EphemeralContainer, PodSpec, SecurityContext
from kube.apimachinery.gofmt import quote

Violation = tuple[str, str]
Check = Callable[[Mapping[str, str], PodSpec], Violation | None]
"""Of a pod's annotations and its spec."""

_DEFAULT_CAPABILITIES: Final = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_SAFE_SYSCTLS: Final = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    )
)
_SELINUX_TYPES: Final = frozenset(
    ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
)
_PROFILES: Final = frozenset(("RuntimeDefault", "Localhost"))
_APP_ARMOR_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"
_RESTRICTED_VOLUMES: Final = frozenset(
    (
        "config_map",
        "csi",
        "downward_api",
        "empty_dir",
        "ephemeral",
        "image",
        "persistent_volume_claim",
        "projected",
        "secret",
    )
)
_NO_CONTEXT: Final = SecurityContext()


def _containers(spec: PodSpec) -> Iterator[Container | EphemeralContainer]:
    yield from spec.init_containers
    yield from spec.containers
    yield from spec.ephemeral_containers


def _context(container: Container | EphemeralContainer) -> SecurityContext:
    return container.security_context or _NO_CONTEXT


def _bad(spec: PodSpec, is_bad: Callable[[SecurityContext], bool]) -> list[str]:
    """The names of the containers whose security context is bad."""
    return [each.name for each in _containers(spec) if is_bad(_context(each))]


def _of_pod(spec: PodSpec, field: str) -> Any:
    return None if spec.security_context is None else getattr(spec.security_context, field)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(quote(name) for name in names)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _named(names: list[str]) -> str:
    return f"{_plural('container', len(names))} {_quoted(names)}"


def _setters(pod: bool, names: list[str]) -> str:
    """Who sets it: the pod, containers, or both; "" if nobody does."""
    return " and ".join((["pod"] if pod else []) + ([_named(names)] if names else []))


def _is_windows(spec: PodSpec) -> bool:
    return spec.os is not None and spec.os.name == "windows"


def _has_own_users(spec: PodSpec) -> bool:
    """Whether root in the pod is nobody on the node (KEP-127)."""
    return spec.host_users is False


# baseline


def app_armor_profile(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    values: set[str] = set()

    def is_bad(profile: Any) -> bool:
        if profile is None or profile.type in _PROFILES:
            return False
        values.add(profile.type)
        return True

    pod = is_bad(_of_pod(spec, "app_armor_profile"))
    names = _bad(spec, lambda context: is_bad(context.app_armor_profile))
    told = sorted(
        f"{name}={quote(value)}"
        for name, value in annotations.items()
        if name.startswith(_APP_ARMOR_PREFIX)
        and value not in ("", "runtime/default")
        and not value.startswith("localhost/")
    )
    setters = [
        each for each in (_setters(pod, names), _plural("annotation", len(told)) if told else "") if each
    ]
    if not setters:
        return None
    forbidden = sorted(values) + told
    reason = _plural("forbidden AppArmor profile", len(forbidden))
    return reason, f"{' and '.join(setters)} must not set AppArmor profile type to {_quoted(forbidden)}"


def capabilities_baseline(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    added: set[str] = set()

    def is_bad(context: SecurityContext) -> bool:
        more = (
            set() if context.capabilities is None else set(context.capabilities.add) - _DEFAULT_CAPABILITIES
        )
        added.update(more)
        return bool(more)

    names = _bad(spec, is_bad)
    if not names:
        return None
    detail = f"{_named(names)} must not include {_quoted(sorted(added))} in securityContext.capabilities.add"
    return "non-default capabilities", detail


def host_namespaces(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    held = (("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc))
    told = [f"{name}=true" for name, value in held if value]
    return ("host namespaces", ", ".join(told)) if told else None


def host_path_volumes(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    names = [volume.name for volume in spec.volumes if volume.host_path is not None]
    return ("hostPath volumes", f"{_plural('volume', len(names))} {_quoted(names)}") if names else None


def host_ports(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    names: list[str] = []
    ports: set[str] = set()
    for container in _containers(spec):
        found = {str(port.host_port) for port in container.ports if port.host_port}
        if found:
            names.append(container.name)
            ports |= found
    if not names:
        return None
    use = "uses" if len(names) == 1 else "use"
    return "hostPort", f"{_named(names)} {use} {_plural('hostPort', len(ports))} {', '.join(sorted(ports))}"


def host_probes(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    names: set[str] = set()
    hosts: set[str] = set()
    for container in _containers(spec):
        found = set(_probed_hosts(container))
        if found:
            names.add(container.name)
            hosts |= found
    if not names:
        return None
    use = "uses" if len(names) == 1 else "use"
    what = _plural("probe or lifecycle host", len(hosts))
    return "probe or lifecycle host", f"{_named(sorted(names))} {use} {what} {_quoted(sorted(hosts))}"


def _probed_hosts(container: Container | EphemeralContainer) -> Iterator[str]:
    lifecycle = container.lifecycle
    handlers = (
        container.liveness_probe,
        container.readiness_probe,
        container.startup_probe,
        None if lifecycle is None else lifecycle.post_start,
        None if lifecycle is None else lifecycle.pre_stop,
    )
    for handler in handlers:
        if handler is None:
            continue
        if handler.http_get is not None and handler.http_get.host:
            yield handler.http_get.host
        if handler.tcp_socket is not None and handler.tcp_socket.host:
            yield handler.tcp_socket.host


def privileged(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    names = _bad(spec, lambda context: bool(context.privileged))
    return ("privileged", f"{_named(names)} must not set securityContext.privileged=true") if names else None


def _proc_mount(spec: PodSpec) -> Violation | None:
    names = _bad(spec, lambda context: context.proc_mount not in (None, "Default"))
    if not names:
        return None
    values = sorted({_context(each).proc_mount or "" for each in _containers(spec)} - {"", "Default"})
    return "procMount", f"{_named(names)} must not set securityContext.procMount to {_quoted(values)}"


def proc_mount_baseline(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    return None if _has_own_users(spec) else _proc_mount(spec)


def selinux_options(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    found = {"type": set[str](), "user": set[str](), "role": set[str]()}

    def is_bad(options: Any) -> bool:
        if options is None:
            return False
        bad = {"user": options.user, "role": options.role}
        if options.type not in _SELINUX_TYPES:
            bad["type"] = options.type
        for name, value in bad.items():
            if value:
                found[name].add(value)
        return any(bad.values())

    pod = is_bad(_of_pod(spec, "se_linux_options"))
    setters = _setters(pod, _bad(spec, lambda context: is_bad(context.se_linux_options)))
    if not setters:
        return None
    told = []
    if types := sorted(found["type"]):
        told.append(f"{_plural('type', len(types))} {_quoted(types)}")
    told += [f"{name} may not be set" for name in ("user", "role") if found[name]]
    return "seLinuxOptions", f"{setters} set forbidden securityContext.seLinuxOptions: {'; '.join(told)}"


def seccomp_baseline(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    values: set[str] = set()

    def is_bad(profile: Any) -> bool:
        if profile is None or profile.type in _PROFILES:
            return False
        values.add(profile.type)
        return True

    pod = is_bad(_of_pod(spec, "seccomp_profile"))
    setters = _setters(pod, _bad(spec, lambda context: is_bad(context.seccomp_profile)))
    if not setters:
        return None
    detail = f"{setters} must not set securityContext.seccompProfile.type to {_quoted(sorted(values))}"
    return "seccompProfile", detail


def sysctls(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    held = _of_pod(spec, "sysctls") or ()
    names = [each.name for each in held if each.name not in _SAFE_SYSCTLS]
    return ("forbidden sysctls", ", ".join(names)) if names else None


def windows_host_process(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    def is_bad(options: Any) -> bool:
        return options is not None and options.host_process is True

    pod = is_bad(_of_pod(spec, "windows_options"))
    setters = _setters(pod, _bad(spec, lambda context: is_bad(context.windows_options)))
    if not setters:
        return None
    return "hostProcess", f"{setters} must not set securityContext.windowsOptions.hostProcess=true"


# restricted


def allow_privilege_escalation(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    names = _bad(spec, lambda context: context.allow_privilege_escalation is not False)
    if not names or _is_windows(spec):
        return None
    detail = f"{_named(names)} must set securityContext.allowPrivilegeEscalation=false"
    return "allowPrivilegeEscalation != false", detail


def capabilities_restricted(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    if _is_windows(spec):
        return None
    added: set[str] = set()

    def adds(context: SecurityContext) -> bool:
        more = set() if context.capabilities is None else set(context.capabilities.add) - {"NET_BIND_SERVICE"}
        added.update(more)
        return bool(more)

    keeping = _bad(
        spec, lambda context: context.capabilities is None or "ALL" not in context.capabilities.drop
    )
    adding = _bad(spec, adds)
    told = []
    if keeping:
        told.append(f'{_named(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        told.append(
            f"{_named(adding)} must not include {_quoted(sorted(added))} in securityContext.capabilities.add"
        )
    return ("unrestricted capabilities", "; ".join(told)) if told else None


def proc_mount_restricted(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    return _proc_mount(spec)


def restricted_volumes(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    names: list[str] = []
    types: set[str] = set()
    for volume in spec.volumes:
        if any(getattr(volume, field) is not None for field in _RESTRICTED_VOLUMES):
            continue
        names.append(volume.name)
        types.update(_volume_types(volume))
    if not names:
        return None
    use = "uses" if len(names) == 1 else "use"
    told = f"{_plural('volume', len(names))} {_quoted(names)} {use}"
    return (
        "restricted volume types",
        f"{told} {_plural('restricted volume type', len(types))} {_quoted(sorted(types))}",
    )


def _volume_types(volume: Any) -> Iterator[str]:
    """The wire names of the sources that a volume has."""
    names = dict(zip(volume.__struct_fields__, volume.__struct_encode_fields__, strict=True))
    for field, name in names.items():
        if field != "name" and getattr(volume, field) is not None:
            yield name


def run_as_non_root(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    if _has_own_users(spec):
        return None
    of_pod = _of_pod(spec, "run_as_non_root")
    setters = _setters(of_pod is False, _bad(spec, lambda context: context.run_as_non_root is False))
    if setters:
        return "runAsNonRoot != true", f"{setters} must not set securityContext.runAsNonRoot=false"
    silent = [] if of_pod else _bad(spec, lambda context: context.run_as_non_root is None)
    if not silent:
        return None
    return "runAsNonRoot != true", f"pod or {_named(silent)} must set securityContext.runAsNonRoot=true"


def run_as_user(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    if _has_own_users(spec):
        return None
    pod = _of_pod(spec, "run_as_user") == 0
    setters = _setters(pod, _bad(spec, lambda context: context.run_as_user == 0))
    return ("runAsUser=0", f"{setters} must not set runAsUser=0") if setters else None


def seccomp_restricted(annotations: Mapping[str, str], spec: PodSpec) -> Violation | None:
    if _is_windows(spec):
        return None
    if (violation := seccomp_baseline(annotations, spec)) is not None:
        return violation
    if _of_pod(spec, "seccomp_profile") is not None:
        return None
    silent = _bad(spec, lambda context: context.seccomp_profile is None)
    if not silent:
        return None
    what = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return "seccompProfile", f"pod or {_named(silent)} {what}"


BASELINE: Final[tuple[Check, ...]] = (
    app_armor_profile,
    host_namespaces,
    host_ports,
    host_probes,
    privileged,
    selinux_options,
    sysctls,
    windows_host_process,
)
OVERLAPPING: Final[tuple[Check, ...]] = (
    capabilities_baseline,
    host_path_volumes,
    proc_mount_baseline,
    seccomp_baseline,
)
"""Baseline checks that the restricted ones contain."""
RESTRICTED: Final[tuple[Check, ...]] = (
    allow_privilege_escalation,
    capabilities_restricted,
    proc_mount_restricted,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    seccomp_restricted,
)
LEVELS: Final[Mapping[str, tuple[Check, ...]]] = {
    "privileged": (),
    "baseline": BASELINE + OVERLAPPING,
    "restricted": BASELINE + RESTRICTED,
}


def violations(level: str, annotations: Mapping[str, str], spec: PodSpec) -> str:
    """What a pod has that the level does not allow, in upstream's words and order; "" for a pod that is allowed."""
    found = [violation for check in LEVELS[level] if (violation := check(annotations, spec)) is not None]
    return ", ".join(f"{reason} ({detail})" for reason, detail in found)
