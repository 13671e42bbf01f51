"""Warnings for the client as header fields.

Source of the semantics: KEP-1693 and k8s.io/apiserver/pkg/endpoints/filters/warning.go: each text once, in order, as
`299 - "text"`; once they are over 4,096 characters together, each is cut to 256 and the rest is dropped.
"""

from collections.abc import Iterable
from typing import Final

_TOTAL: Final = 4096
_EACH: Final = 256
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


def warning_headers(texts: Iterable[str]) -> list[tuple[str, str]]:
    wanted = list(dict.fromkeys(filter(None, map(_printable, texts))))
    if sum(map(len, wanted)) > _TOTAL:
        wanted = [text[:_EACH] for text in wanted]
    headers: list[tuple[str, str]] = []
    size = 0
    for text in wanted:
        size += len(text)
        if size > _TOTAL:
            break
        headers.append(("Warning", f'299 - "{text.translate(_ESCAPES)}"'))
    return headers


def _printable(text: str) -> str:
    """Without control characters: a header is one line."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text).strip()
