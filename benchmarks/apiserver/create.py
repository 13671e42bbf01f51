"""Pods created over HTTPS: authenticated by certificate, allowed by RBAC, admitted, committed by all replicas.

`python benchmarks/apiserver/create.py [--connections 1 16 64] [--runs 5] [--requests 3000]`. Checks at the end that
every pod is there.
"""

import json
import ssl
import urllib.request
from collections.abc import Iterator

from load import NAMESPACE, Sample, Server, measure, parser, pod, request, table

PODS = f"{NAMESPACE}/pods"


def creates(prefix: str, count: int, size: int) -> Iterator[bytes]:
    for number in range(count):
        yield request("POST", PODS, pod(f"{prefix}-{number}", size))


def count_pods(server: Server, context: ssl.SSLContext) -> int:
    url = f"https://127.0.0.1:{server.port}{PODS}?limit=1"
    with urllib.request.urlopen(url, context=context) as reply:
        found = json.load(reply)
    return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))


def main() -> None:
    options = parser(__doc__, 3000, [1, 16, 64]).parse_args()
    with Server(options) as server:

        def run(number: int, connections: int) -> Sample:
            prefix = f"pod-{connections}-{number}"
            return measure(server, creates(prefix, options.requests, options.size), connections)

        table(options, run)
        expected = options.requests * options.runs * len(options.connections)
        found = count_pods(server, server.tls())
        if found != expected:
            raise SystemExit(f"{found} pods are there, {expected} were created")


if __name__ == "__main__":
    main()
