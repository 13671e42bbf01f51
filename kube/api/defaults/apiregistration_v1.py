"""Defaults of APIServices: the port of the server behind them.

Source of the semantics: kube-aggregator's pkg/apis/apiregistration/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.apiregistration_v1 import APIService


def default_api_service(api_service: APIService) -> APIService:
    service = api_service.spec.service
    if service is None or service.port is not None:
        return api_service
    return replace(api_service, spec=replace(api_service.spec, service=replace(service, port=443)))


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {APIService: default_api_service}
