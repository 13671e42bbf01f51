"""DefaultTolerationSeconds: a pod stays for five minutes on a node that is not ready or out of reach.

Source of the semantics: plugin/pkg/admission/defaulttolerationseconds.
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.core_v1 import Pod, Toleration
from kube.apiserver.admission.interface import Attributes
from kube.apiserver.admission.plugins.lookup import PODS, WRITE

SECONDS: Final = 300
NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"

_DEFAULTS: Final = tuple(
    Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=SECONDS)
    for key in (NOT_READY, UNREACHABLE)
)


class DefaultTolerationSeconds:
    name = "DefaultTolerationSeconds"
    operations = WRITE
    resources = PODS

    async def admit(self, attributes: Attributes) -> Any:
        if attributes.subresource:
            return attributes.object
        pod: Pod = attributes.object
        held = pod.spec.tolerations
        if not held:
            missing = _DEFAULTS
        else:
            missing = tuple(each for each in _DEFAULTS if not _has(held, each.key))
            if not missing:
                return pod
        return replace(pod, spec=replace(pod.spec, tolerations=(*held, *missing)))


def _has(tolerations: tuple[Toleration, ...], key: str) -> bool:
    return any(each.key in (key, "") and each.effect in ("NoExecute", "") for each in tolerations)
