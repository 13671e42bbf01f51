"""The formulas, by numbers worked out by hand, in both forms of each plugin."""

import random

import numpy as np
import pytest
from scheduler_objects import node, pod

from kube.scheduler.cache.cache import Cache
from kube.scheduler.cache.columns import View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.interface import default_normalize_score
from kube.scheduler.plugins.image_locality import ImageLocality
from kube.scheduler.plugins.node_resources_balanced_allocation import (
    NodeResourcesBalancedAllocation,
    NodeResourcesBalancedAllocationArgs,
)
from kube.scheduler.plugins.node_resources_fit import (
    NodeResourcesFit,
    NodeResourcesFitArgs,
    UtilizationShapePoint,
)
from kube.scheduler.plugins.resource_allocation import ResourceSpec

LEAST = NodeResourcesFit()
MOST = NodeResourcesFit(NodeResourcesFitArgs("MostAllocated"))
SHAPE = (UtilizationShapePoint(0, 0), UtilizationShapePoint(50, 10), UtilizationShapePoint(100, 2))
RATIO = NodeResourcesFit(NodeResourcesFitArgs("RequestedToCapacityRatio", shape=SHAPE))
BALANCED = NodeResourcesBalancedAllocation()
GPU = ResourceSpec("example.com/gpu", 3)
WITH_GPU = NodeResourcesFit(NodeResourcesFitArgs(resources=(ResourceSpec("cpu"), GPU)))
ALL = NodeResourcesBalancedAllocation(
    NodeResourcesBalancedAllocationArgs((ResourceSpec("cpu"), ResourceSpec("memory"), GPU))
)
NODE = {"cpu": "4", "memory": "1000Mi", "example.com/gpu": "4"}

CASES = {
    "least: empty node": (LEAST, {"cpu": "1", "memory": "250Mi"}, {}, 75),
    "least: defaults for what is not requested": (LEAST, {}, {}, (97 + 80) // 2),
    "least: beyond the node": (LEAST, {"cpu": "5", "memory": "250Mi"}, {}, (0 + 75) // 2),
    "least: what is there counts": (
        LEAST,
        {"cpu": "1", "memory": "250Mi"},
        {"cpu": "1", "memory": "250Mi"},
        50,
    ),
    "least: extended resource by weight": (
        WITH_GPU,
        {"cpu": "1", "example.com/gpu": "2"},
        {},
        (75 + 3 * 50) // 4,
    ),
    "least: extended resource of no concern": (WITH_GPU, {"cpu": "1"}, {}, 75),
    "most": (MOST, {"cpu": "1", "memory": "500Mi"}, {}, (25 + 50) // 2),
    "ratio: on the rise": (RATIO, {"cpu": "1", "memory": "250Mi"}, {}, 50),
    "ratio: at the peak": (RATIO, {"cpu": "2", "memory": "500Mi"}, {}, 100),
    "ratio: beyond it": (RATIO, {"cpu": "3", "memory": "750Mi"}, {}, 60),
    "ratio: rounded": (RATIO, {"cpu": "1", "memory": "500Mi"}, {}, 75),
    "balanced: even before and after": (BALANCED, {"cpu": "1", "memory": "250Mi"}, {}, 75),
    "balanced: tilted": (BALANCED, {"cpu": "4"}, {}, 50 + (50 + 50 - 100) // 2),
    "balanced: set right": (BALANCED, {"cpu": "4"}, {"memory": "1000Mi"}, 50 + (50 + 100 - 50) // 2),
    "balanced: three resources": (ALL, {"cpu": "4", "example.com/gpu": "4"}, {}, 50 + (50 + 52 - 100) // 2),
}


@pytest.mark.parametrize(("plugin", "requests", "there", "score"), CASES.values(), ids=CASES)
def test_scores(plugin, requests, there, score):
    cache = Cache()
    cache.put_node(node("n", NODE))
    if there:
        other = pod("other", there)
        cache.assume(other, cache.facts.of(other), "n")
    each = pod("each", requests)
    info, state = PodInfo(each, cache.facts.of(each)), CycleState()
    assert plugin.score_row(state, info, cache.columns, 0) == score
    assert plugin.score_all(state, info, View.everything(cache.columns)).tolist() == [score]


@pytest.mark.parametrize("strategy", ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"])
def test_a_row_and_all_rows_agree(strategy):
    rng = random.Random(5)
    plugin = NodeResourcesFit(NodeResourcesFitArgs(strategy, shape=SHAPE))
    cache = Cache()
    for i in range(300):
        sizes = {"cpu": f"{rng.randrange(0, 9000)}m", "memory": str(rng.choice([0, 1, 10**6, 2**33, 2**47]))}
        cache.put_node(node(f"n{i}", sizes))
    for i in range(600):
        other = pod(f"p{i}", {"cpu": f"{rng.randrange(2000)}m", "memory": str(rng.randrange(2**31))})
        cache.assume(other, cache.facts.of(other), f"n{rng.randrange(300)}")
    for columns_are_exact in (False, True):
        cache.columns.exact = columns_are_exact
        each = pod("each", {"cpu": "333m", "memory": "12345678"})
        info = PodInfo(each, cache.facts.of(each))
        for one in (plugin, BALANCED):
            scores = one.score_all(CycleState(), info, View.everything(cache.columns)).tolist()
            rows = [one.score_row(CycleState(), info, cache.columns, row) for row in range(300)]
            assert scores == rows


@pytest.mark.parametrize(
    ("holders", "nodes", "size_mb", "containers", "score"),
    [(1, 1, 1000, 1, 100), (1, 2, 1000, 1, 48), (1, 1, 23, 1, 0), (0, 1, 1000, 1, 0), (1, 1, 500, 2, 49)],
)
def test_images(holders, nodes, size_mb, containers, score):
    cache = Cache()
    for i in range(nodes):
        cache.put_node(node(f"n{i}", images={"app:latest": size_mb * 2**20} if i < holders else {}))
    each = pod("each", image="app", containers=containers)
    info = PodInfo(each, cache.facts.of(each))
    scores = ImageLocality().score_all(CycleState(), info, View.everything(cache.columns))
    assert (0 if scores is None else scores[0]) == score


@pytest.mark.parametrize(
    ("scores", "reverse", "normalized"),
    [
        ([0, 5, 10], False, [0, 50, 100]),
        ([0, 5, 10], True, [100, 50, 0]),
        ([0, 0], False, [0, 0]),
        ([0, 0], True, [100, 100]),
        ([1, 3], False, [33, 100]),
    ],
)
def test_normalized(scores, reverse, normalized):
    assert default_normalize_score(np.array(scores), reverse=reverse).tolist() == normalized
