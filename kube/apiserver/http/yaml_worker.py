"""Long YAML, parsed in a process of its own: megabytes of it take most of a second.

The process is started when it is first needed, as a module and not by a fork of the host, and ended with the server. On
its pipes both sides speak in records: a length (4 bytes, big-endian) and so many bytes.
"""

import asyncio
import os
import sys
from struct import Struct as Layout
from typing import BinaryIO, Final

import msgspec

from kube.apimachinery.errors import timeout
from kube.apimachinery.yaml import YamlError, yaml_to_json

DEADLINE_SECONDS: Final = 30.0
_LENGTH: Final = Layout(">I")


class Converted(msgspec.Struct, frozen=True):
    """What the worker says: the JSON and complaints about repeated keys, or what is wrong."""

    json: msgspec.Raw = msgspec.Raw(b"null")
    repeated: list[str] = []
    error: str = ""


class YamlWorker:
    """One document at a time. A worker that dies or does not answer is replaced for the next document."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def read(self, data: bytes) -> tuple[bytes, list[str]]:
        """The JSON, and the complaints about repeated keys. Raises YamlError, ApiError 504."""
        async with self._turn:
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    answer = await self._ask(data)
            except TimeoutError:
                await self._end()
                raise timeout("the YAML document takes too long to read") from None
            except (OSError, asyncio.IncompleteReadError) as error:
                await self._end()
                raise YamlError("yaml: the document cannot be read") from error
            except asyncio.CancelledError:
                await self._end()
                raise
        if answer.error:
            raise YamlError(answer.error)
        return bytes(answer.json), answer.repeated

    async def aclose(self) -> None:
        async with self._turn:
            await self._end()

    async def _ask(self, data: bytes) -> Converted:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        if process.stdin is None or process.stdout is None:
            raise OSError("the worker has no pipes")
        process.stdin.write(_LENGTH.pack(len(data)) + data)
        await process.stdin.drain()
        (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
        return msgspec.json.decode(await process.stdout.readexactly(length), type=Converted)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """The worker's loop: until the pipe is closed."""
    while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
        answer = msgspec.json.encode(_convert(source.read(*_LENGTH.unpack(head))))
        target.write(_LENGTH.pack(len(answer)) + answer)
        target.flush()


def _convert(data: bytes) -> Converted:
    repeated: list[str] = []
    try:
        return Converted(json=msgspec.Raw(yaml_to_json(data, repeated)), repeated=repeated)
    except YamlError as error:
        return Converted(error=str(error))
    except (RecursionError, MemoryError, UnicodeError) as error:
        return Converted(error=f"yaml: {error}")


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
