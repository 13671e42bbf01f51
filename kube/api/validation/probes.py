"""The rules of probes and lifecycle hooks, and of the actions that both are made of.

Source of the semantics: pkg/apis/core/validation, KEP-3960 (sleep), KEP-4960 (stop signals).
"""

from __future__ import annotations

from typing import Final

from kube.api.types.core_v1 import (
    HTTPGetAction,
    Lifecycle,
    LifecycleHandler,
    Probe,
)
from kube.api.validation.checks import (
    Errors,
    report,
    validate_nonnegative,
    validate_port_number_or_name,
)
from kube.apimachinery import names
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required

_ONE_HANDLER: Final = "may not specify more than 1 handler type"
_SCHEMES: Final = ("HTTP", "HTTPS")
_NUMBERS: Final = (
    ("initial_delay_seconds", "initialDelaySeconds"),
    ("timeout_seconds", "timeoutSeconds"),
    ("period_seconds", "periodSeconds"),
    ("success_threshold", "successThreshold"),
    ("failure_threshold", "failureThreshold"),
)


def validate_liveness_probe(
    probe: Probe | None, grace_period: int | None, path: Path, errors: Errors
) -> None:
    """Startup probes have the same rules."""
    if probe is None:
        return
    _validate_probe(probe, grace_period, path, errors)
    if probe.success_threshold != 1:
        errors.append(invalid(path.child("successThreshold"), probe.success_threshold, "must be 1"))


validate_startup_probe = validate_liveness_probe


def validate_readiness_probe(
    probe: Probe | None, grace_period: int | None, path: Path, errors: Errors
) -> None:
    if probe is None:
        return
    _validate_probe(probe, grace_period, path, errors)
    if (seconds := probe.termination_grace_period_seconds) is not None:
        at = path.child("terminationGracePeriodSeconds")
        errors.append(invalid(at, seconds, "must not be set for readinessProbes"))


def _validate_probe(probe: Probe, grace_period: int | None, path: Path, errors: Errors) -> None:
    _validate_handler(probe, grace_period, path, errors)
    if (
        probe.initial_delay_seconds < 0
        or probe.timeout_seconds < 0
        or probe.period_seconds < 0
        or probe.success_threshold < 0
        or probe.failure_threshold < 0
    ):
        for attribute, name in _NUMBERS:
            validate_nonnegative(getattr(probe, attribute), path.child(name), errors)
    seconds = probe.termination_grace_period_seconds
    if seconds is not None and seconds <= 0:
        at = path.child("terminationGracePeriodSeconds")
        errors.append(invalid(at, seconds, "must be greater than 0"))


def validate_lifecycle(
    lifecycle: Lifecycle, grace_period: int | None, os_name: str, path: Path, errors: Errors
) -> None:
    """``os_name`` is the pod's ``os.name``, "" where it is unset."""
    if lifecycle.post_start is not None:
        _validate_handler(lifecycle.post_start, grace_period, path.child("postStart"), errors)
    if lifecycle.pre_stop is not None:
        _validate_handler(lifecycle.pre_stop, grace_period, path.child("preStop"), errors)
    if lifecycle.stop_signal is not None:
        _validate_stop_signal(lifecycle.stop_signal, os_name, path.child("stopSignal"), errors)


def _validate_handler(
    handler: Probe | LifecycleHandler, grace_period: int | None, path: Path, errors: Errors
) -> None:
    """One action, and only the first that is given is looked into."""
    given = False
    if handler.exec is not None:
        given = True
        if not handler.exec.command:
            errors.append(required(path.child("exec", "command")))
    if handler.http_get is not None:
        if given:
            errors.append(forbidden(path.child("httpGet"), _ONE_HANDLER))
        else:
            given = True
            _validate_http_get(handler.http_get, path.child("httpGet"), errors)
    if handler.tcp_socket is not None:
        if given:
            errors.append(forbidden(path.child("tcpSocket"), _ONE_HANDLER))
        else:
            given = True
            validate_port_number_or_name(handler.tcp_socket.port, path.child("tcpSocket", "port"), errors)
    if isinstance(handler, Probe):
        rest = _validate_grpc(handler, given, path, errors)
    else:
        rest = _validate_sleep(handler, given, grace_period, path, errors)
    if not given and not rest:
        errors.append(required(path, "must specify a handler type"))


def _validate_grpc(probe: Probe, given: bool, path: Path, errors: Errors) -> bool:
    if probe.grpc is None:
        return False
    if given:
        errors.append(forbidden(path.child("grpc"), _ONE_HANDLER))
    else:
        validate_port_number_or_name(probe.grpc.port, path.child("grpc", "port"), errors)
    return True


def _validate_sleep(
    handler: LifecycleHandler, given: bool, grace_period: int | None, path: Path, errors: Errors
) -> bool:
    action = handler.sleep
    if action is None:
        return False
    if given:
        errors.append(forbidden(path.child("sleep"), _ONE_HANDLER))
    elif grace_period is not None and not 0 <= action.seconds <= grace_period:
        detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_period})"
        errors.append(invalid(path.child("sleep"), action.seconds, detail))
    return True


def _validate_http_get(action: HTTPGetAction, path: Path, errors: Errors) -> None:
    if not action.path:
        errors.append(required(path.child("path")))
    validate_port_number_or_name(action.port, path.child("port"), errors)
    if action.scheme not in _SCHEMES:
        errors.append(not_supported(path.child("scheme"), action.scheme, _SCHEMES))
    for header in action.http_headers:
        report(path.child("httpHeaders"), header.name, names.http_header_name(header.name), errors)


_SIGNALS: Final = (
    "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM"
    " TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX"
)
_LINUX_SIGNALS: Final = frozenset(
    {
        *(f"SIG{name}" for name in _SIGNALS.split()),
        *(f"SIGRTMIN+{n}" for n in range(1, 16)),
        *(f"SIGRTMAX-{n}" for n in range(1, 15)),
    }
)
_WINDOWS_SIGNALS: Final = ("SIGKILL", "SIGTERM")


def _validate_stop_signal(signal: str, os_name: str, path: Path, errors: Errors) -> None:
    if not os_name:
        errors.append(forbidden(path, "may not be set for containers with empty `spec.os.name`"))
    elif os_name == "windows":
        if signal not in _WINDOWS_SIGNALS:
            errors.append(not_supported(path, signal, _WINDOWS_SIGNALS))
    elif signal not in _LINUX_SIGNALS:
        errors.append(not_supported(path, signal, sorted(_LINUX_SIGNALS)))
