"""The same rules one node and one pod at a time, over the API's objects and exact fractions: what the columns must agree with."""

from fractions import Fraction
from math import sqrt

from kube.api.helpers.taints import find_untolerated_taint, tolerates_taint
from kube.api.types.core_v1 import Taint
from kube.apimachinery.quantity import parse_quantity

HARD = ("NoSchedule", "NoExecute")
CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


def amount(name, text):
    scale = 10**6 if name == "cpu" else 10**9
    return -(-parse_quantity(text) // scale)


def requests(pod, filled=False):
    total = {}
    for container in pod.spec.containers:
        wanted = dict(container.resources.requests)
        if filled:
            wanted = {"cpu": "100m", "memory": "200Mi", **wanted}
        for name, text in wanted.items():
            total[name] = total.get(name, 0) + amount(name, text)
    return total


def used(pods, name, filled=False):
    return sum(requests(pod, filled).get(name, 0) for pod in pods)


def allocatable(node, name):
    return amount(name, node.status.allocatable.get(name, "0"))


def host_ports(pod):
    return [
        (p.host_ip or "0.0.0.0", p.protocol or "TCP", p.host_port)
        for c in pod.spec.containers
        for p in c.ports
        if p.host_port
    ]


def requirement(each, value):
    match each.operator:
        case "In":
            return value in each.values
        case "NotIn":
            return value not in each.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and value.isdigit() and int(value) > int(each.values[0])
        case "Lt":
            return value is not None and value.isdigit() and int(value) < int(each.values[0])


def term_matches(term, node):
    if not term.match_expressions and not term.match_fields:
        return False
    return all(requirement(e, node.metadata.labels.get(e.key)) for e in term.match_expressions) and all(
        requirement(e, node.metadata.name) for e in term.match_fields
    )


def node_affinity(pod):
    return pod.spec.affinity.node_affinity if pod.spec.affinity else None


def rejection(pod, node, pods):
    """The reasons of the first plugin that rejects, in the profile's order; None if the pod fits."""
    if node.spec.unschedulable and not tolerates_taint(pod.spec.tolerations, CORDON):
        return ["node(s) were unschedulable"]
    if find_untolerated_taint(node.spec.taints, pod.spec.tolerations, HARD) is not None:
        return ["node(s) had untolerated taint(s)"]
    affinity = node_affinity(pod)
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    labels = node.metadata.labels
    if any(labels.get(k) != v for k, v in pod.spec.node_selector.items()) or (
        required is not None and not any(term_matches(t, node) for t in required.node_selector_terms)
    ):
        return ["node(s) didn't match Pod's node affinity/selector"]
    taken = [port for other in pods for port in host_ports(other)]
    for ip, protocol, number in host_ports(pod):
        for other_ip, *other in taken:
            if other == [protocol, number] and (ip == other_ip or "0.0.0.0" in (ip, other_ip)):
                return ["node(s) didn't have free ports for the requested pod ports"]
    reasons = []
    if len(pods) + 1 > allocatable(node, "pods"):
        reasons.append("Too many pods")
    reasons += [
        f"Insufficient {name}"
        for name, wanted in requests(pod).items()
        if wanted and wanted > allocatable(node, name) - used(pods, name)
    ]
    return reasons or None


def evenness(fractions):
    if len(fractions) < 2:
        return 100
    if len(fractions) == 2:
        return int((1 - abs(fractions[0] - fractions[1]) / 2) * 100)
    mean = sum(fractions) / len(fractions)
    return int((1 - sqrt(sum((f - mean) ** 2 for f in fractions) / len(fractions))) * 100)


def fit_score(pod, node, pods):
    parts = []
    for name in ("cpu", "memory"):
        whole = allocatable(node, name)
        if whole:
            want = used(pods, name, True) + requests(pod, True)[name]
            parts.append(int(Fraction(max(whole - want, 0) * 100, whole)))
    return sum(parts) // len(parts) if parts else 0


def balance_score(pod, node, pods):
    own = requests(pod)
    if not own.get("cpu") and not own.get("memory"):
        return 0
    names = [name for name in ("cpu", "memory") if allocatable(node, name)]
    before = [min(used(pods, n) / allocatable(node, n), 1.0) for n in names]
    after = [min((used(pods, n) + own.get(n, 0)) / allocatable(node, n), 1.0) for n in names]
    return 50 + (50 + evenness(after) - evenness(before)) // 2


def image_score(pod, node, nodes):
    mb = 1024 * 1024
    total = 0
    for container in pod.spec.containers:
        holders = [n for n in nodes if any(container.image in i.names for i in n.status.images)]
        if node in holders:
            size = next(i.size_bytes for i in holders[0].status.images if container.image in i.names)
            total += int(size * (len(holders) / len(nodes)))
    highest = 1000 * mb * len(pod.spec.containers)
    return 100 * (min(max(total, 23 * mb), highest) - 23 * mb) // (highest - 23 * mb)


def normalized(raw, reverse):
    highest = max(raw)
    if not highest:
        return [100 if reverse else 0 for _ in raw]
    scaled = [value * 100 // highest for value in raw]
    return [100 - value for value in scaled] if reverse else scaled


def totals(pod, nodes, placed):
    """Name to weighted score, of the nodes that the pod fits. ``placed`` maps names to pods."""
    fits = [n for n in nodes if rejection(pod, n, placed[n.metadata.name]) is None]
    if not fits:
        return {}
    soft = [t for t in pod.spec.tolerations if t.effect in ("", "PreferNoSchedule")]
    taints = normalized(
        [
            sum(t.effect == "PreferNoSchedule" and not tolerates_taint(soft, t) for t in n.spec.taints)
            for n in fits
        ],
        True,
    )
    affinity = node_affinity(pod)
    preferred = affinity.preferred_during_scheduling_ignored_during_execution if affinity else ()
    liked = normalized(
        [sum(p.weight for p in preferred if term_matches(p.preference, n)) for n in fits], False
    )
    return {
        n.metadata.name: 3 * taints[i]
        + 2 * liked[i]
        + fit_score(pod, n, placed[n.metadata.name])
        + balance_score(pod, n, placed[n.metadata.name])
        + image_score(pod, n, nodes)
        for i, n in enumerate(fits)
    }


def message(pod, nodes, placed):
    counts = {}
    for n in nodes:
        for reason in rejection(pod, n, placed[n.metadata.name]) or ():
            counts[reason] = counts.get(reason, 0) + 1
    text = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    return f"0/{len(nodes)} nodes are available: {text}."
