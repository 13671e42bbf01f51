import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kube.base.metrics import Metrics


def samples(metrics):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_what_was_counted_is_what_is_scraped():
    metrics = Metrics()
    requests = metrics.counter("apiserver_request_total", "Requests", ["verb", "code"])
    requests.child("GET", "200").inc()
    requests.child("GET", "200").inc(2)
    requests.child("POST", "201").inc()
    depth = metrics.gauge("workqueue_depth", "Depth", ["name"]).child("job")
    depth.inc(5)
    depth.dec()
    metrics.gauge("up", "Up").child().set(1)
    metrics.reading("nodes", "Nodes", lambda: [(("ready",), 3)], labels=["state"])
    metrics.reading("turns_total", "Turns", lambda: [((), 9)], kind="counter")
    assert samples(metrics) == {
        ("apiserver_request_total", (("code", "200"), ("verb", "GET"))): 3,
        ("apiserver_request_total", (("code", "201"), ("verb", "POST"))): 1,
        ("workqueue_depth", (("name", "job"),)): 4,
        ("up", ()): 1,
        ("nodes", (("state", "ready"),)): 3,
        ("turns_total", ()): 9,
    }


@given(st.lists(st.floats(0, 20, allow_nan=False), max_size=50))
def test_a_histogram_is_prometheus_own(values):
    metrics = Metrics()
    ours = metrics.histogram("h", "H", buckets=(0.5, 1, 2.5, 10)).child()
    registry = CollectorRegistry()
    theirs = Histogram("h", "H", buckets=(0.5, 1, 2.5, 10), registry=registry)
    for value in values:
        ours.observe(value)
        theirs.observe(value)
    upstream = {
        line
        for line in generate_latest(registry).decode().splitlines()
        if not line.startswith("#") and "created" not in line
    }
    assert {line for line in metrics.render().decode().splitlines() if not line.startswith("#")} == upstream
    assert ours.count == len(values)


def test_a_name_is_one_family():
    metrics = Metrics()
    family = metrics.counter("a_total", "A", ["x"])
    assert metrics.counter("a_total", "A", ["x"]) is family
    assert family.child("1") is family.child("1")
    with pytest.raises(ValueError, match="already"):
        metrics.counter("a_total", "A", ["y"])
    with pytest.raises(ValueError, match="already"):
        metrics.gauge("a_total", "A", ["x"])
    with pytest.raises(ValueError, match="already"):
        metrics.reading("a_total", "A", list)
    with pytest.raises(ValueError, match="labels"):
        family.child("1", "2")


def test_a_gauge_may_be_read_when_it_is_scraped():
    metrics = Metrics()
    depth = metrics.gauge("depth", "Depth", ["name"])
    items = []
    depth.read_from(lambda: len(items), "jobs")
    items.append(1)
    assert samples(metrics) == {("depth", (("name", "jobs"),)): 1}
    items.append(2)
    assert samples(metrics) == {("depth", (("name", "jobs"),)): 2}
    depth.remove("jobs")
    assert samples(metrics) == {}


def test_children_and_families_can_be_forgotten():
    metrics = Metrics()
    family = metrics.gauge("g", "G", ["pod"])
    family.child("a").set(1)
    family.child("b").set(2)
    family.remove("a")
    family.remove("unknown")
    assert samples(metrics) == {("g", (("pod", "b"),)): 2}
    metrics.forget("g")
    assert samples(metrics) == {}


def test_a_clusters_metrics_are_its_own():
    first, second = Metrics(), Metrics()
    first.counter("a_total", "A").child().inc()
    second.counter("a_total", "A").child().inc(5)
    assert samples(first) != samples(second)


def test_bounds_ascend():
    with pytest.raises(ValueError, match="ascend"):
        Metrics().histogram("h", "H", buckets=(2, 1))


def test_nothing_heavy_is_imported_before_a_scrape():
    code = (
        "import sys\n"
        "from kube.base.metrics import Metrics\n"
        "m = Metrics(); m.counter('a_total', 'A').child().inc()\n"
        "assert 'prometheus_client' not in sys.modules\n"
        "assert b'a_total 1.0' in m.render()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
