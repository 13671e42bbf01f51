"""A cluster in a thread and an event loop of its own, for programs that have none."""

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kube.actors.cluster import Cluster
from kube.client import kubeconfig


class ClusterThread:
    """``with ClusterThread(path, nodes=2):`` serves HTTPS on a free port of 127.0.0.1 and writes its kubeconfig to ``path``.

    Takes the arguments of ``Cluster``. Leaving stops the cluster and joins the thread.
    """

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        self._settings = {"listen": ("127.0.0.1", 0), **settings}
        self._thread = threading.Thread(target=self._run, name="kube cluster", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        """Returns when the cluster is ready. Raises what made it fail."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._leave is not None:
            self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that entered
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        async with Cluster(**self._settings) as cluster:
            kubeconfig.write(self.path, cluster.kubeconfig())
            self._ready.set()
            await self._leave.wait()
