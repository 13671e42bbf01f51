"""The rules of the core kinds, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types import core_v1
from kube.api.validation import pod, pod_resize, pod_status
from kube.api.validation.rules import Rules

RULES: Final[Mapping[type, Rules]] = {
    core_v1.Pod: Rules(
        pod.validate_pod,
        pod.validate_pod_update,
        {
            "status": pod_status.validate_pod_status_update,
            "ephemeralcontainers": pod.validate_ephemeral_containers_update,
            "resize": pod_resize.validate_pod_resize,
        },
    ),
}
