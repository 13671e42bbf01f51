"""Health endpoints: `/healthz`, `/livez`, `/readyz`, each check below them, and `/version`.

Source of the semantics: k8s.io/apiserver/pkg/server/healthz, and the page "Kubernetes API health endpoints". A reason for
a failure goes to the log, not to the client.
"""

import platform
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from kube.apiserver.endpoints.requestinfo import Query
from kube.apiserver.http.messages import HttpResponse, text
from kube.base.logging import get_logger
from kube.base.version import KUBERNETES_GIT_VERSION, KUBERNETES_MAJOR, KUBERNETES_MINOR

Check = Callable[[], str]
"""Empty while all is well, else what is wrong. Called on the event loop, must not block."""

ENDPOINTS: Final = ("healthz", "livez", "readyz")


def healthy() -> str:
    return ""


class HealthChecks:
    """Named checks and the endpoints that they belong to, in the order of their registration."""

    def __init__(self) -> None:
        self._checks: dict[str, dict[str, Check]] = {endpoint: {} for endpoint in ENDPOINTS}
        self._log = get_logger(__name__)
        self.add("ping", healthy)
        self.add("log", healthy)

    def add(self, name: str, check: Check, *endpoints: str) -> None:
        """Without `endpoints` for all three. Raises ValueError for a name that is taken."""
        for endpoint in endpoints or ENDPOINTS:
            if name in self._checks[endpoint]:
                raise ValueError(f"there is a check {name} of {endpoint} already")
            self._checks[endpoint][name] = check

    def paths(self) -> list[str]:
        """All paths that `serve` answers."""
        found: list[str] = []
        for endpoint, checks in self._checks.items():
            found += [f"/{endpoint}", *(f"/{endpoint}/{name}" for name in checks)]
        return found

    def is_ready(self) -> bool:
        return not any(check() for check in self._checks["readyz"].values())

    def serve(self, path: str, query: Query) -> HttpResponse | None:
        """None for a path that is no health endpoint."""
        endpoint, slash, name = path.strip("/").partition("/")
        checks = self._checks.get(endpoint)
        if checks is None:
            return None
        if not slash:
            return self._all(endpoint, checks, query)
        check = checks.get(name)
        if check is None:
            return None
        complaint = check()
        return text(500, f"internal server error: {complaint}\n") if complaint else text(200, "ok")

    def _all(self, endpoint: str, checks: Mapping[str, Check], query: Query) -> HttpResponse:
        excluded = dict.fromkeys(name for values in query.get("exclude", ()) for name in values.split(","))
        lines: list[str] = []
        failed: list[str] = []
        for name, check in checks.items():
            if name in excluded:
                del excluded[name]
                lines.append(f"[+]{name} excluded: ok\n")
            elif complaint := check():
                failed.append(f"{name}: {complaint}")
                lines.append(f"[-]{name} failed: reason withheld\n")
            else:
                lines.append(f"[+]{name} ok\n")
        if excluded:
            unknown = ", ".join(f'"{name}"' for name in excluded)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {unknown}\n")
        if failed:
            self._log.info("health check failed", endpoint=endpoint, failed=failed)
            return text(500, f"{''.join(lines)}{endpoint} check failed\n")
        if "verbose" in query:
            return text(200, f"{''.join(lines)}{endpoint} check passed\n")
        return text(200, "ok")


def version_document() -> bytes:
    """The JSON of `/version`."""
    document = {
        "major": KUBERNETES_MAJOR,
        "minor": KUBERNETES_MINOR,
        "emulationMajor": KUBERNETES_MAJOR,
        "emulationMinor": KUBERNETES_MINOR,
        "minCompatibilityMajor": KUBERNETES_MAJOR,
        "minCompatibilityMinor": str(int(KUBERNETES_MINOR) - 1),
        "gitVersion": KUBERNETES_GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation().lower(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }
    return msgspec.json.encode(document)
