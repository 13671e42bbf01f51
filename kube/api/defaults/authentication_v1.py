"""Defaults of token requests.

Source of the semantics: pkg/apis/authentication/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.authentication_v1 import TokenRequest

TOKEN_LIFETIME: Final = 3600
"""Seconds."""


def default_token_request(request: TokenRequest) -> TokenRequest:
    if request.spec.expiration_seconds is not None:
        return request
    return replace(request, spec=replace(request.spec, expiration_seconds=TOKEN_LIFETIME))


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {TokenRequest: default_token_request}
