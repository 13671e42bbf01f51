"""Long YAML is read by another process, which comes and goes unseen."""

import io
import os
import signal
from struct import pack

import pytest

from kube.apimachinery.yaml import YamlError
from kube.apiserver.http.yaml_worker import YamlWorker, serve


@pytest.fixture
async def worker():
    worker = YamlWorker()
    yield worker
    await worker.aclose()


async def test_documents_become_json(worker):
    assert await worker.read(b"a: 1\nb: [x, z]\n") == (b'{"a":1,"b":["x","z"]}', [])
    json, repeated = await worker.read(b"a: 1\na: 2\n")
    assert json == b'{"a":2}'
    assert 'key "a" already set in map' in repeated[0]


async def test_what_is_no_yaml_is_said_as_in_place(worker):
    with pytest.raises(YamlError, match=r"^yaml: line 2"):
        await worker.read(b"a: [")
    assert (await worker.read(b"a: b"))[0] == b'{"a":"b"}'


async def test_a_worker_that_died_is_replaced(worker):
    await worker.read(b"a: b")
    os.kill(worker._process.pid, signal.SIGKILL)
    await worker._process.wait()
    assert (await worker.read(b"c: d"))[0] == b'{"c":"d"}'


async def test_a_worker_that_dies_over_a_document_fails_that_document_only(worker):
    await worker.read(b"a: b")
    worker._process.stdin.close()
    with pytest.raises(YamlError, match="cannot be read"):
        await worker.read(b"c: d")
    assert (await worker.read(b"e: f"))[0] == b'{"e":"f"}'


async def test_an_unused_worker_needs_no_end(worker):
    await worker.aclose()
    assert worker._process is None


def test_the_loop_of_the_worker_ends_with_its_pipe():
    documents = [b"a: b", b"x: ["]
    source = io.BytesIO(b"".join(pack(">I", len(data)) + data for data in documents))
    target = io.BytesIO()
    serve(source, target)
    said = target.getvalue()
    assert b'"json":{"a":"b"}' in said
    assert b'"error":"yaml: line 2' in said
