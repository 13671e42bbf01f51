"""Names for templates: equal ones get equal names, and a collision count asks for another."""

import hashlib
from typing import Any

from kube.apimachinery import serializer
from kube.base.chance import SAFE_ALPHABET


def safe_encode(text: str) -> str:
    """``text`` in the alphabet of generated names, of the same length."""
    return "".join(SAFE_ALPHABET[ord(char) % len(SAFE_ALPHABET)] for char in text)


def template_hash(template: Any, collision_count: int | None) -> str:
    """Up to ten characters, valid in names and label values. Upstream's has another value, of the same form."""
    digest = hashlib.blake2b(serializer.encode(template), digest_size=4)
    if collision_count is not None:
        digest.update(collision_count.to_bytes(8, "little"))
    return safe_encode(str(int.from_bytes(digest.digest(), "big")))
