"""A client without opinions: what is sent is what is written, and what comes back is seen as it is."""

import base64
import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

JSON = "application/json"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
SECONDS = 30.0


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Rest:
    """Speaks to the server of a kubeconfig over one connection. Not for threads."""

    def __init__(self, kubeconfig: Path) -> None:
        held = yaml.safe_load(kubeconfig.read_text())
        cluster, user = held["clusters"][0]["cluster"], held["users"][0]["user"]
        address = urlsplit(cluster["server"])
        assert address.hostname
        assert address.port
        self.host, self.port = address.hostname, address.port
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:
            for key in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[key]))
            pair.flush()
            self.context.load_cert_chain(pair.name)
        self.connection = self._connect()

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=SECONDS)

    def close(self) -> None:
        self.connection.close()

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        /,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Reply:
        """``body`` is a tree, or bytes that are sent as they are. Query parameters are named as on the wire."""
        if query:
            path = f"{path}?{urlencode({name.rstrip('_'): value for name, value in query.items()})}"
        sent = {"Accept": accept, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = content_type
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, body, sent)
        response = self.connection.getresponse()
        return Reply(response.status, response.headers, response.read())

    def ok(self, method: str, path: str, body: Any = None, /, **more: Any) -> Any:
        """The tree of an answer that must be a success."""
        reply = self(method, path, body, **more)
        assert 200 <= reply.status < 300, f"{method} {path}: {reply.status} {reply.body.decode()}"
        return reply.json

    def get(self, path: str, **more: Any) -> Any:
        return self.ok("GET", path, **more)

    def create(self, path: str, body: Any, **more: Any) -> Any:
        return self.ok("POST", path, body, **more)

    def put(self, path: str, body: Any, **more: Any) -> Any:
        return self.ok("PUT", path, body, **more)

    def merge(self, path: str, body: Any, **more: Any) -> Any:
        return self.ok("PATCH", path, body, content_type=MERGE_PATCH, **more)

    def strategic(self, path: str, body: Any, **more: Any) -> Any:
        return self.ok("PATCH", path, body, content_type=STRATEGIC_PATCH, **more)

    def json_patch(self, path: str, *operations: dict[str, Any], **more: Any) -> Any:
        return self.ok("PATCH", path, list(operations), content_type=JSON_PATCH, **more)

    def delete(self, path: str, body: Any = None, /, **more: Any) -> Any:
        return self.ok("DELETE", path, body, **more)

    def refused(
        self, status: int, reason: str, method: str, path: str, body: Any = None, /, **more: Any
    ) -> Any:
        """The Status of an answer that must be this failure."""
        reply = self(method, path, body, **more)
        assert reply.status == status, f"{method} {path}: {reply.status} {reply.body.decode()}"
        told = reply.json
        assert (told["kind"], told["status"], told["code"], told.get("reason", "")) == (
            "Status", "Failure", status, reason,
        ), told  # fmt: skip
        return told

    def exists(self, path: str) -> bool:
        return self("GET", path).status == 200

    def until(self, path: str, reached: Any, within: float = SECONDS, **more: Any) -> Any:
        """Ask until ``reached(tree)`` is true of the answer, which is returned."""
        deadline = time.monotonic() + within
        while True:
            reply = self("GET", path, **more)
            if reply.status == 200 and reached(reply.json):
                return reply.json
            assert time.monotonic() < deadline, f"{path}: {reply.status} {reply.body.decode()[:2000]}"
            time.sleep(0.01)

    def gone(self, path: str, within: float = SECONDS) -> None:
        deadline = time.monotonic() + within
        while (reply := self("GET", path)).status != 404:
            assert time.monotonic() < deadline, f"{path}: {reply.status} {reply.body.decode()[:2000]}"
            time.sleep(0.01)

    def watch(
        self, path: str, *, accept: str = JSON, seconds: int = 10, raw: bool = False, **query: Any
    ) -> Iterator[Any]:
        """Its events as (type, object), until the server ends the stream, on a connection of its own."""
        connection = self._connect()
        try:
            asked = {"watch": "true", "timeoutSeconds": seconds, **query}
            connection.request("GET", f"{path}?{urlencode(asked)}", headers={"Accept": accept})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            while line := response.readline():
                event = json.loads(line)
                yield event if raw else (event["type"], event["object"])
        finally:
            connection.close()
