"""Pods created over HTTPS: authenticated by certificate, allowed by RBAC, admitted, committed by all replicas.

`kube bench apiserver/create [--connections 1 16 64] [--before 0 1000 10000] [--runs 5] [--requests 3000]`. Checks at the end
that every pod is there.
"""

from benchmarks.apiserver.load import Rows, Server, count_pods, creates, fill, measure, parser
from benchmarks.harness import Report

DESCRIPTION = (
    "an API server with RBAC and the default admission chain, three replicas, a client with its TLS connections in "
    "another process; at the end every pod is there"
)
BARS = {1: 1500.0, 16: 2500.0, 64: 2500.0}


def run(report: Report, arguments: list[str]) -> None:
    settings = parser(3000, [1, 16, 64])
    settings.add_argument(
        "--before", type=int, nargs="+", default=[0, 1000, 10_000], help="pods that are there"
    )
    options = settings.parse_args(arguments)
    report.settings.update(vars(options))
    for before in options.before:
        for connections in options.connections if before == options.before[0] else (16,):
            rows = Rows(report, f"{connections} connections, {before} pods before", BARS.get(connections))
            for _ in range(options.runs):
                with Server(options) as server:
                    fill(server, "before", max(before, 200), options.size)
                    rows.add(measure(server, creates("pod", options.requests, options.size), connections))
                    found, expected = count_pods(server), max(before, 200) + options.requests
                    if found != expected:
                        raise SystemExit(f"{found} pods are there, {expected} were created")
