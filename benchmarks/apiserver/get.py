"""One pod read over HTTPS: authenticated by certificate, allowed by RBAC, read from the store.

`python benchmarks/apiserver/get.py [--connections 1 64] [--runs 5] [--requests 10000]`.
"""

from itertools import repeat

from load import NAMESPACE, Sample, Server, measure, parser, pod, request, table


def main() -> None:
    options = parser(__doc__, 10_000, [1, 64]).parse_args()
    with Server(options) as server:
        measure(server, iter([request("POST", f"{NAMESPACE}/pods", pod("one", options.size))]), 1)
        get = request("GET", f"{NAMESPACE}/pods/one")

        def run(_: int, connections: int) -> Sample:
            return measure(server, repeat(get, options.requests), connections)

        table(options, run)


if __name__ == "__main__":
    main()
