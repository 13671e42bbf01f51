"""The reasons and words of the events that a kubelet records (pkg/kubelet/events and its callers)."""

from typing import Final

from kube.api.types.core_v1 import ObjectReference, Pod

CREATED_CONTAINER: Final = "Created"
STARTED_CONTAINER: Final = "Started"
FAILED: Final = "Failed"
KILLING_CONTAINER: Final = "Killing"
BACK_OFF: Final = "BackOff"
PULLING_IMAGE: Final = "Pulling"
PULLED_IMAGE: Final = "Pulled"
ERR_IMAGE_NEVER_PULL: Final = "ErrImageNeverPull"
FAILED_TO_INSPECT_IMAGE: Final = "InspectFailed"
FAILED_CREATE_SANDBOX: Final = "FailedCreatePodSandBox"
SANDBOX_CHANGED: Final = "SandboxChanged"
CONTAINER_UNHEALTHY: Final = "Unhealthy"
STARTING_KUBELET: Final = "Starting"
NODE_ALLOCATABLE_ENFORCED: Final = "NodeAllocatableEnforced"


def full_name(pod: Pod) -> str:
    """How messages name a pod: ``NAME_NAMESPACE(UID)``."""
    metadata = pod.metadata
    return f"{metadata.name}_{metadata.namespace}({metadata.uid})"


def field_path(container: str, *, init: bool) -> str:
    """Where in the pod a container is, for an event about it."""
    return f"spec.{'initContainers' if init else 'containers'}{{{container}}}"


def reference(pod: Pod, path: str = "") -> ObjectReference:
    metadata = pod.metadata
    return ObjectReference(
        kind="Pod",
        api_version="v1",
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        field_path=path,
    )
