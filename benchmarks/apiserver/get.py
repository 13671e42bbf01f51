"""One pod read over HTTPS: authenticated by certificate, allowed by RBAC, as fresh as the store.

`kube bench apiserver/get [--connections 1 64] [--before 100 1000 10000] [--runs 5] [--requests 10000]`.
"""

from itertools import repeat

from benchmarks.apiserver.load import PODS, Rows, Server, fill, measure, parser, request
from benchmarks.harness import Report

DESCRIPTION = (
    "an API server with RBAC, three replicas and so many pods, a client with its TLS connections in another process; every "
    "answer is 200 and whole"
)
BARS = {1: 3000.0, 64: 9000.0}


def run(report: Report, arguments: list[str]) -> None:
    settings = parser(10_000, [1, 64])
    settings.add_argument(
        "--before", type=int, nargs="+", default=[100, 1000, 10_000], help="pods that are there"
    )
    options = settings.parse_args(arguments)
    report.settings.update(vars(options))
    for before in options.before:
        with Server(options) as server:
            fill(server, "pod", before, options.size)
            get = request("GET", f"{PODS}/pod-{before // 2}")
            for connections in options.connections:
                rows = Rows(report, f"{connections} connections, {before} pods", BARS.get(connections))
                for _ in range(options.runs):
                    rows.add(measure(server, repeat(get, options.requests), connections))
