"""What an object uses of a resource quota, and which quotas it falls under.

Source of the semantics: pkg/quota/v1/evaluator/core, k8s.io/apiserver/pkg/quota/v1/generic; the page "Resource Quotas".
Amounts are in nano-units.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kube.api.helpers.pods import is_phase_terminal
from kube.api.helpers.qos import BEST_EFFORT, pod_qos
from kube.api.helpers.resource_names import is_extended, is_huge_page, is_native
from kube.api.helpers.resources import Amounts, add_amounts, amounts, pod_limits, pod_requests
from kube.api.resources import Resource
from kube.api.types.core_v1 import (
    Container,
    PersistentVolumeClaim,
    Pod,
    PodAffinityTerm,
    ResourceQuota,
    ScopedResourceSelectorRequirement,
    Service,
)

ONE: Final = 10**9
_REQUESTS: Final = "requests."
_LIMITS: Final = "limits."
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
_POD_RESOURCES: Final = frozenset(
    ("count/pods", "pods", *(prefix + name for prefix in ("", _REQUESTS, _LIMITS) for name in _COMPUTE))
)
_MUST_BE_SET: Final = frozenset(
    prefix + name for prefix in ("", _REQUESTS, _LIMITS) for name in ("cpu", "memory")
)
_COUNTED_BY_NAME: Final = frozenset(
    (
        "configmaps",
        "resourcequotas",
        "replicationcontrollers",
        "secrets",
        "services",
        "persistentvolumeclaims",
    )
)
_CLASS_SUFFIX: Final = ".storageclass.storage.k8s.io/"


def count_name(resource: Resource) -> str:
    """``count/deployments.apps``."""
    return f"count/{resource.group_resource}"


def usage(resource: Resource, obj: Any) -> Amounts:
    """What one object uses, by the names that quotas have for it."""
    used: Amounts = {count_name(resource): ONE}
    if not resource.group and resource.plural in _COUNTED_BY_NAME:
        used[resource.plural] = ONE
    if isinstance(obj, Pod):
        add_amounts(used, _pod_usage(obj))
    elif isinstance(obj, Service):
        add_amounts(used, _service_usage(obj))
    elif isinstance(obj, PersistentVolumeClaim):
        add_amounts(used, _claim_usage(obj))
    return used


def _pod_usage(pod: Pod) -> Amounts:
    """Nothing for a pod that has ended."""
    if is_phase_terminal(pod.status.phase):
        return {}
    return {"pods": ONE, **_compute(pod_requests(pod), pod_limits(pod))}


def _compute(requests: Mapping[str, int], limits: Mapping[str, int]) -> Amounts:
    used: Amounts = {}
    for name in _COMPUTE:
        if name in requests:
            used[name] = used[_REQUESTS + name] = requests[name]
        if name in limits:
            used[_LIMITS + name] = limits[name]
    for name, value in requests.items():
        if is_huge_page(name):
            used[name] = used[_REQUESTS + name] = value
        elif is_extended(name):
            used[_REQUESTS + name] = value
    return used


def _service_usage(service: Service) -> Amounts:
    spec = service.spec
    used: Amounts = {}
    if spec.type == "NodePort":
        used["services.nodeports"] = len(spec.ports) * ONE
    elif spec.type == "LoadBalancer":
        used["services.loadbalancers"] = ONE
        if spec.allocate_load_balancer_node_ports is False:
            ports = sum(1 for port in spec.ports if port.node_port)
        else:
            ports = len(spec.ports)
        used["services.nodeports"] = ports * ONE
    return used


def _claim_usage(claim: PersistentVolumeClaim) -> Amounts:
    storage = amounts(claim.spec.resources.requests).get("storage")
    storage_class = claim.spec.storage_class_name
    used: Amounts = {}
    if storage is not None:
        used["requests.storage"] = storage
    if storage_class:
        used[f"{storage_class}{_CLASS_SUFFIX}persistentvolumeclaims"] = ONE
        if storage is not None:
            used[f"{storage_class}{_CLASS_SUFFIX}requests.storage"] = storage
    return used


def concerned(resource: Resource, obj: Any, names: Iterable[str]) -> list[str]:
    """Those of a quota's names that are about objects of this kind, sorted."""
    if isinstance(obj, Pod):
        return sorted(
            name
            for name in names
            if name in _POD_RESOURCES
            or name.startswith(("hugepages-", "requests.hugepages-"))
            or (
                name.startswith(_REQUESTS)
                and not is_native(name)
                and name != "requests.storage"
                and _CLASS_SUFFIX not in name
            )
        )
    own = {count_name(resource)}
    if not resource.group and resource.plural in _COUNTED_BY_NAME:
        own.add(resource.plural)
    if isinstance(obj, Service):
        own |= {"services.nodeports", "services.loadbalancers"}
    is_claim = isinstance(obj, PersistentVolumeClaim)
    if is_claim:
        own.add("requests.storage")
    return sorted(name for name in names if name in own or (is_claim and _CLASS_SUFFIX in name))


# scopes


def in_scope(quota: ResourceQuota, obj: Any) -> bool:
    """Whether a quota's scopes let it see the object; only pods and claims have any."""
    selectors = [
        ScopedResourceSelectorRequirement(scope_name=scope, operator="Exists") for scope in quota.spec.scopes
    ]
    if quota.spec.scope_selector is not None:
        selectors += quota.spec.scope_selector.match_expressions
    return all(_matches(each, obj) for each in selectors)


def _matches(selector: ScopedResourceSelectorRequirement, obj: Any) -> bool:
    if not isinstance(obj, Pod):
        return False
    spec = obj.spec
    scope = selector.scope_name
    if scope in ("Terminating", "NotTerminating"):
        ends = spec.active_deadline_seconds is not None and spec.active_deadline_seconds >= 0
        return ends == (scope == "Terminating")
    if scope in ("BestEffort", "NotBestEffort"):
        return (pod_qos(obj) == BEST_EFFORT) == (scope == "BestEffort")
    if scope == "PriorityClass":
        return _matches_class(selector, spec.priority_class_name)
    return scope == "CrossNamespacePodAffinity" and _crosses_namespaces(obj)


def _matches_class(selector: ScopedResourceSelectorRequirement, name: str) -> bool:
    operator = selector.operator
    if operator in ("Exists", "DoesNotExist"):
        return bool(name) == (operator == "Exists")
    return (bool(name) and name in selector.values) == (operator == "In")


def _crosses_namespaces(pod: Pod) -> bool:
    affinity = pod.spec.affinity
    terms: list[PodAffinityTerm] = []
    for each in () if affinity is None else (affinity.pod_affinity, affinity.pod_anti_affinity):
        if each is not None:
            terms += each.required_during_scheduling_ignored_during_execution
            terms += (
                weighted.pod_affinity_term
                for weighted in each.preferred_during_scheduling_ignored_during_execution
            )
    return any(term.namespaces or term.namespace_selector is not None for term in terms)


# what must be said where a quota counts it


def missing(pod: Pod, restricted: Iterable[str]) -> str:
    """Which containers leave out what a quota counts; "" if none does."""
    required = _MUST_BE_SET.intersection(restricted)
    lacking: dict[str, list[str]] = {}
    for container in (*pod.spec.containers, *pod.spec.init_containers):
        for name in required - _stated(container):
            lacking.setdefault(name, []).append(container.name)
    if not lacking:
        return ""
    told = (f"{name} for: {','.join(sorted(set(lacking[name])))}" for name in sorted(lacking))
    return f"must specify {'; '.join(told)}"


def _stated(container: Container) -> frozenset[str]:
    resources = container.resources
    return frozenset(_compute(amounts(resources.requests), amounts(resources.limits)))
