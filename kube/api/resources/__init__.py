"""The one table of API resources: what is served, under which names, with which verbs and subresources.

Discovery, OpenAPI, routing, storage keys, printing and the clients read this table; nothing repeats it.
``record`` is a row, ``builtin`` holds the rows of Kubernetes, ``table`` is a cluster's table with its
dynamic rows (custom resources), ``selectable`` reads the values that field selectors compare.
What a resource's objects do (defaults, validation, strategies) does not live here.
"""

from kube.api.resources.builtin import BUILTIN, GROUPS, Group
from kube.api.resources.record import Resource, Subresource, version_priority
from kube.api.resources.selectable import SelectableField
from kube.api.resources.table import GroupInfo, ResourceTable, builtin_table

__all__ = [
    "BUILTIN",
    "GROUPS",
    "Group",
    "GroupInfo",
    "Resource",
    "ResourceTable",
    "SelectableField",
    "Subresource",
    "builtin_table",
    "version_priority",
]
