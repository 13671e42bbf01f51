"""Chance as a thing that is handed in: one seed, one run."""

import hashlib
import os
import random
from collections.abc import Callable
from typing import Self

SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' alphabet for generated names (apimachinery util/rand): no vowels, and no 0, 1 or 3 that look like them."""

_UID_MASK = ~((0xF << 76) | (0x3 << 62))
_UID_BITS = (0x4 << 76) | (0x2 << 62)


class Chance(random.Random):
    """A seeded source of randomness that its owner alone draws from.

    Secrets come from `token`, which is no part of the generator's own sequence: names and uids are public, and enough of
    them would give away the state of a Mersenne Twister.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._key = hashlib.blake2b(repr(seed).encode(), person=b"chance").digest()
        self._tokens = 0
        self._entropy: Callable[[int], bytes] | None = None

    @classmethod
    def system(cls) -> Self:
        """Seeded by the operating system; tokens come from it directly."""
        chance = cls(int.from_bytes(os.urandom(32), "big"))
        chance._entropy = os.urandom
        return chance

    def fork(self, name: str) -> "Chance":
        """An independent source, determined by this one's seed and `name` and not by what was drawn before.

        A component that starts to draw one number more must not change what all the others draw.
        """
        child = Chance(int.from_bytes(hashlib.blake2b(name.encode(), key=self._key).digest(), "big"))
        child._entropy = self._entropy
        return child

    def uid(self) -> str:
        """A random UUID, version 4 of RFC 4122, in its usual form."""
        digits = f"{(self.getrandbits(128) & _UID_MASK) | _UID_BITS:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def suffix(self, n: int = 5) -> str:
        """`n` characters as generateName appends them."""
        random, letters = self.random, len(SAFE_ALPHABET)
        return "".join(
            [SAFE_ALPHABET[int(random() * letters)] for _ in range(n)]
        )  # choices, without its overhead

    def token(self, nbytes: int = 32) -> bytes:
        """Secret bytes, not to be guessed from anything else that was drawn."""
        if self._entropy is not None:
            return self._entropy(nbytes)
        self._tokens += 1
        stream = hashlib.shake_256(self._key + self._tokens.to_bytes(8, "big"))
        return stream.digest(nbytes)
