"""The precision of resource lists: the API keeps thousandths and rounds what is finer up.

Source of the semantics: pkg/apis/core/v1/defaults.go (SetDefaults_ResourceList).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from kube.apimachinery.quantity import NANO, Quantity, round_up

_MILLI: Final = NANO // 1000

_rounded = lru_cache(8192)(round_up)


def default_resource_list(quantities: Mapping[str, Quantity]) -> Mapping[str, Quantity]:
    """The list in thousandths; the list itself if it is already."""
    for quantity in quantities.values():
        # A canonical quantity that is finer than a thousandth ends in n, u or a negative exponent.
        if quantity[-1] in "nu" or "e-" in quantity:
            return {name: _rounded(each, _MILLI) for name, each in quantities.items()}
    return quantities
