"""Which printer prints which kind."""

from functools import cache
from importlib import import_module
from typing import Final

from kube.api.printers.columns import DEFAULT, NAME_AND_AGE, Printer, Printers
from kube.api.printers.pods import POD

MODULES: Final = ("cluster", "extension", "network", "storage", "workloads")

_NAME_AND_AGE: Final = (
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "DeviceTaintRule"),
    ("resource.k8s.io", "ResourceClaimTemplate"),
    ("scheduling.k8s.io", "PodGroup"),
    ("scheduling.k8s.io", "Workload"),
)


@cache
def printers() -> Printers:
    """Every printer. Its modules, and the types that they print, are imported on first use."""
    every = Printers({("", "Pod"): POD})
    for module in MODULES:
        every.update(import_module(f"kube.api.printers.{module}").PRINTERS)
    every.update(dict.fromkeys(_NAME_AND_AGE, NAME_AND_AGE))
    every["events.k8s.io", "Event"] = every["", "Event"]
    return every


def printer_for(group: str, kind: str) -> Printer:
    """The printer of a kind; name and moment of creation for a kind that has none of its own."""
    return printers().get((group, kind), DEFAULT)
