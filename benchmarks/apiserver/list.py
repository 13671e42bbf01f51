"""All pods of a namespace read over HTTPS by one connection, as fresh as the store, without compression.

`kube bench apiserver/list [--before 100 1000 10000] [--runs 5]`. Checks that every answer has all pods.
"""

import json
import time

from benchmarks.apiserver.load import PODS, Server, fill, parser
from benchmarks.harness import Report

DESCRIPTION = "an API server with RBAC, three replicas and so many pods, one open TLS connection; from the request to the last byte; every answer has all pods"
BARS = {1000: 10.0, 10_000: 80.0}


def run(report: Report, arguments: list[str]) -> None:
    settings = parser(1, [1])
    settings.add_argument(
        "--before", type=int, nargs="+", default=[100, 1000, 10_000], help="pods that are there"
    )
    options = settings.parse_args(arguments)
    report.settings.update(vars(options))
    for before in options.before:
        row = report.row(f"{before} pods", "ms", bar=BARS.get(before))
        with Server(options) as server:
            fill(server, "pod", before, options.size)
            connection = server.connect()
            for _ in range(options.runs + 1):
                begin = time.perf_counter()
                connection.request("GET", PODS, headers={"Accept": "application/json"})
                body = connection.getresponse().read()
                row.samples.append((time.perf_counter() - begin) * 1e3)
                if (found := len(json.loads(body)["items"])) != before:
                    raise SystemExit(f"{found} pods in a list of {before}")
            del row.samples[0]
            connection.close()
