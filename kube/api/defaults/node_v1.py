"""Defaults of RuntimeClasses: the precision of their overhead.

Source of the semantics: pkg/apis/node/v1 (zz_generated.defaults.go).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.quantities import default_resource_list
from kube.api.types.node_v1 import Overhead, RuntimeClass


def default_runtime_class(runtime_class: RuntimeClass) -> RuntimeClass:
    overhead = runtime_class.overhead
    if overhead is None or (fixed := default_resource_list(overhead.pod_fixed)) is overhead.pod_fixed:
        return runtime_class
    return replace(runtime_class, overhead=Overhead(pod_fixed=fixed))


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {RuntimeClass: default_runtime_class}
