"""Defaults of EndpointSlices.

Source of the semantics: pkg/apis/discovery/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.volumes import default_each
from kube.api.types.discovery_v1 import EndpointPort, EndpointSlice


def default_endpoint_slice(endpoint_slice: EndpointSlice) -> EndpointSlice:
    ports = default_each(endpoint_slice.ports, _default_port)
    return endpoint_slice if ports is endpoint_slice.ports else replace(endpoint_slice, ports=ports)


def _default_port(port: EndpointPort) -> EndpointPort:
    if port.name is not None and port.protocol is not None:
        return port
    return replace(port, name=port.name or "", protocol="TCP" if port.protocol is None else port.protocol)


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {EndpointSlice: default_endpoint_slice}
