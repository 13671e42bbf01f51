"""Image references taken apart: repository, tag, digest.

Source of the semantics: github.com/distribution/reference (its grammar) and pkg/util/parsers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

DEFAULT_TAG: Final = "latest"
DEFAULT_DOMAIN: Final = "docker.io"
_OFFICIAL: Final = "library/"
_NAME_MAX: Final = 255

_DOMAIN_PART: Final = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST: Final = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[(?:[a-fA-F0-9:]+)\])"
_PATH_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?P<name>{_HOST}(?::[0-9]+)?/{_PATH_PART}(?:/{_PATH_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_IDENTIFIER: Final = re.compile("[a-f0-9]{64}")


class ImageName(NamedTuple):
    """``repository`` is whole (``docker.io/library/nginx``); ``tag`` and ``digest`` are "" where absent."""

    repository: str
    tag: str
    digest: str


@lru_cache(4096)
def parse_image_name(image: str) -> ImageName | None:
    """The parts of a reference, its defaults filled in (a tag only where there is no digest); None if malformed."""
    if _IDENTIFIER.fullmatch(image):
        return None
    domain, slash, rest = image.partition("/")
    if not slash or not ("." in domain or ":" in domain or domain == "localhost" or domain.lower() != domain):
        domain, rest = DEFAULT_DOMAIN, image
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in rest:
        rest = f"{_OFFICIAL}{rest}"
    match = _REFERENCE.fullmatch(f"{domain}/{rest}")
    if match is None or len(match["name"]) - len(domain) - 1 > _NAME_MAX:
        return None
    tag, digest = match["tag"] or "", match["digest"] or ""
    return ImageName(match["name"], tag or ("" if digest else DEFAULT_TAG), digest)


def default_pull_policy(image: str) -> str:
    """``Always`` for what is tagged latest or not at all, else ``IfNotPresent``."""
    name = parse_image_name(image)
    return "Always" if name is not None and name.tag == DEFAULT_TAG else "IfNotPresent"
