"""Credentials that a program prints: the exec plugins of kubeconfig files.

Source: the client.authentication.k8s.io/v1 API; messages are those of client-go's ``plugin/pkg/client/auth/exec``.
"""

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from kube.base.clock import Clock
from kube.client.kubeconfig import Connection, ExecConfig, KubeconfigError

API_VERSIONS: Final = (
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
)


class ExecError(KubeconfigError):
    """The plugin gave no credential."""


class Credential(msgspec.Struct, frozen=True, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: Credential | None = None


class ExecPlugin:
    """Runs the program when there is no credential, or none that still holds. One run serves all who wait."""

    def __init__(self, connection: Connection, config: ExecConfig, clock: Clock) -> None:
        if config.api_version not in API_VERSIONS:
            raise ExecError(f'exec plugin: invalid apiVersion "{config.api_version}"')
        self._connection = connection
        self._config = config
        self._clock = clock
        self._credential: Credential | None = None
        self._lock = asyncio.Lock()

    async def credential(self) -> Credential:
        """Raises ExecError."""
        async with self._lock:
            current = self._credential
            if current is None or self._expired(current):
                current = self._credential = await self._run()
            return current

    def forget(self, refused: Credential) -> None:
        """The server did not accept this credential: the next one is fresh."""
        if self._credential is refused:
            self._credential = None

    def _expired(self, credential: Credential) -> bool:
        expires = credential.expiration_timestamp
        return expires is not None and expires.timestamp() <= self._clock.now()

    async def _run(self) -> Credential:
        config = self._config
        environment = dict(os.environ)
        environment.update((variable.name, variable.value) for variable in config.env or ())
        environment["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(self._info()).decode()
        try:
            process = await asyncio.create_subprocess_exec(
                config.command,
                *(config.args or ()),
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            hint = f"\n\n{config.install_hint}" if config.install_hint else ""
            what = "not found" if isinstance(error, FileNotFoundError) else f"failed: {error.strerror}"
            raise ExecError(f"exec: executable {config.command} {what}{hint}") from error
        try:
            output, _ = await process.communicate()
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        if process.returncode:
            raise ExecError(f"exec: executable {config.command} failed with exit code {process.returncode}")
        return self._read(output)

    def _info(self) -> Mapping[str, object]:
        spec: dict[str, object] = {"interactive": False}
        if self._config.provide_cluster_info:
            connection = self._connection
            cluster: dict[str, object] = {"server": connection.server}
            if connection.ca:
                cluster["certificate-authority-data"] = connection.ca
            if connection.tls_server_name:
                cluster["tls-server-name"] = connection.tls_server_name
            if connection.insecure:
                cluster["insecure-skip-tls-verify"] = True
            spec["cluster"] = cluster
        return {"apiVersion": self._config.api_version, "kind": "ExecCredential", "spec": spec}

    def _read(self, output: bytes) -> Credential:
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except msgspec.MsgspecError as error:
            raise ExecError(f"decoding stdout: {error}") from None
        if answer.api_version != self._config.api_version:
            raise ExecError(
                f"exec plugin is configured to use API version {self._config.api_version},"
                f" plugin returned version {answer.api_version}"
            )
        status = answer.status
        if status is None:
            raise ExecError("exec plugin didn't return a status field")
        if bool(status.client_certificate_data) != bool(status.client_key_data):
            raise ExecError("exec plugin returned only certificate or key, not both")
        if not status.token and not status.client_certificate_data:
            raise ExecError("exec plugin didn't return a token or cert/key pair")
        return status
