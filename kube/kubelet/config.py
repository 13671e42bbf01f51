"""What a kubelet is told about itself and its machine."""

from collections.abc import Mapping
from typing import Final

import msgspec

from kube.api.types.core_v1 import Taint
from kube.apimachinery.meta.struct import EMPTY_MAP
from kube.base.version import KUBERNETES_GIT_VERSION

COMPONENT: Final = "kubelet"
KUBELET_PORT: Final = 10250
DEFAULT_CAPACITY: Final[Mapping[str, str]] = {
    "cpu": "32",
    "memory": "256Gi",
    "ephemeral-storage": "1Ti",
    "pods": "110",
}


class KubeletConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that have a name in KubeletConfiguration (kubelet.config.k8s.io/v1beta1) mean what they mean there.

    Periods are seconds. ``pod_cidr`` "" means that somebody else gives the Node its ``spec.podCIDR``; until then the node
    is not ready.
    """

    node_name: str
    node_ip: str = "127.0.0.1"
    pod_cidr: str = ""
    capacity: Mapping[str, str] = EMPTY_MAP
    """What differs from DEFAULT_CAPACITY; other resources are added."""
    reserved: Mapping[str, str] = EMPTY_MAP
    """What pods can't have of it: capacity less reserved is allocatable."""
    labels: Mapping[str, str] = EMPTY_MAP
    taints: tuple[Taint, ...] = ()
    """register-with-taints."""
    unschedulable: bool = False
    """Register cordoned."""
    operating_system: str = "linux"
    architecture: str = "amd64"
    kernel_version: str = ""
    os_image: str = ""
    kubelet_version: str = KUBERNETES_GIT_VERSION
    port: int = KUBELET_PORT
    node_lease_duration_seconds: int = 40
    node_status_update_frequency: float = 10.0
    """How often the status is computed, and written if it has changed."""
    node_status_report_frequency: float = 300.0
    """How often it is written although it has not changed."""
    node_status_max_images: int = 50
    container_backoff_initial: float = 10.0
    container_backoff_max: float = 300.0

    @property
    def lease_renew_interval(self) -> float:
        """A quarter of the lease's duration."""
        return self.node_lease_duration_seconds * 0.25
