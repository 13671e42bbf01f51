"""A profile: a scheduler's name, its plugins by table, their weights. Several profiles are several schedulers."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

DEFAULT_SCHEDULER_NAME: Final = "default-scheduler"

DEFAULT_PLUGINS: Final[Mapping[str, int]] = {
    "SchedulingGates": 0,
    "PrioritySort": 0,
    "NodeUnschedulable": 0,
    "NodeName": 0,
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "NodePorts": 0,
    "NodeResourcesFit": 1,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
    "DefaultBinder": 0,
}
"""Upstream's MultiPoint list with the weights of those that score, in the order in which they run."""


class Profile(Struct, frozen=True):
    """``plugins`` maps names to weights; ``args`` are a plugin's own, by its name."""

    scheduler_name: str = DEFAULT_SCHEDULER_NAME
    plugins: Mapping[str, int] = field(default_factory=lambda: DEFAULT_PLUGINS)
    args: Mapping[str, Any] = field(default_factory=dict)
