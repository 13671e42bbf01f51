"""The tables of etcd's gRPC API, and the classes that are made of them."""

from pathlib import Path

import pytest

pytest.importorskip("google.protobuf")

from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from kube.store.etcdpb import generator, messages
from kube.store.etcdpb.descriptors import file_descriptor, methods, package_of
from kube.store.etcdpb.table import load, parse, render


def test_what_is_checked_in_is_what_the_generator_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert generator.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_a_table_reads_back_what_was_written() -> None:
    rows = load()
    assert parse(render(rows)) == rows


def test_a_row_of_no_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no row of a table"):
        parse("field\ttoo few")


@pytest.mark.parametrize(
    ("path", "requests", "responses"),
    [
        pytest.param("/etcdserverpb.KV/Range", False, False, id="one request, one response"),
        pytest.param("/etcdserverpb.Maintenance/Snapshot", False, True, id="a stream of responses"),
        pytest.param("/etcdserverpb.Watch/Watch", True, True, id="streams both ways"),
        pytest.param("/v3electionpb.Election/Observe", False, True, id="a service of the second table"),
    ],
)
def test_methods_by_path(path: str, requests: bool, responses: bool) -> None:
    method = methods()[path]
    assert method.path == path
    assert (method.streams_requests, method.streams_responses) == (requests, responses)


@pytest.mark.parametrize("module", ["kv", "auth", "rpc"])
def test_descriptors_equal_those_of_a_generated_client(module: str) -> None:
    """aetcd's generated code is the oracle: the same messages, numbers, types and oneofs."""
    aetcd = pytest.importorskip("aetcd")
    path = Path(aetcd.__file__).parent / "rpc" / f"{module}_pb2.py"
    theirs = generator.read_descriptor(path)
    ours = file_descriptor(load(), theirs.package)
    for file in (theirs, ours):
        file.ClearField("service")
        file.ClearField("dependency")
        file.ClearField("options")
        file.name = ""
        file.enum_type.sort(key=lambda enum: enum.name)
    ours.message_type.sort(key=lambda message: message.name)
    theirs.message_type.sort(key=lambda message: message.name)
    assert [str(each) for each in ours.message_type] == [str(each) for each in theirs.message_type]
    assert list(ours.enum_type) == list(theirs.enum_type)


def test_a_module_without_descriptor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match="carries no descriptor"):
        generator.read_descriptor(tmp_path / "x.py")


@given(st.binary(max_size=20), st.integers(-(2**63), 2**63 - 1), st.booleans())
def test_messages_go_over_the_wire_and_come_back(key: bytes, lease: int, prev_kv: bool) -> None:
    sent = messages.TxnRequest(success=[{"request_put": {"key": key, "lease": lease, "prev_kv": prev_kv}}])
    came = messages.TxnRequest.FromString(sent.SerializeToString())
    assert came == sent
    op = came.success[0]
    assert op.WhichOneof("request") == "request_put"
    assert (op.request_put.key, op.request_put.lease, op.request_put.prev_kv) == (key, lease, prev_kv)


def test_known_bytes() -> None:
    """A put of k = v, as etcd's documentation of the fields says: key is 1, value is 2."""
    assert messages.PutRequest(key=b"k", value=b"v").SerializeToString() == b"\x0a\x01k\x12\x01v"


def test_the_classes_are_not_in_the_default_pool() -> None:
    """A host may have another package there that registers etcd's messages."""
    from google.protobuf import descriptor_pool

    assert messages.PutRequest.DESCRIPTOR.file.pool is not descriptor_pool.Default()


@pytest.mark.parametrize(
    ("name", "package"),
    [
        pytest.param("mvccpb.KeyValue", "mvccpb", id="a message"),
        pytest.param("etcdserverpb.RangeRequest.SortOrder", "etcdserverpb", id="an enum in one"),
        pytest.param("grpc.health.v1.HealthCheckRequest", "grpc.health.v1", id="a package of packages"),
    ],
)
def test_package_of(name: str, package: str) -> None:
    assert package_of(name) == package


def test_every_message_is_in_the_descriptor_of_its_package() -> None:
    names = {
        f"{package}.{message.name}"
        for package in ("mvccpb", "authpb", "etcdserverpb", "v3lockpb", "v3electionpb", "grpc.health.v1")
        for message in descriptor_pb2.FileDescriptorProto.FromString(
            file_descriptor(load(), package).SerializeToString()
        ).message_type
    }
    assert len(names) == sum(1 for row in load() if type(row).__name__ == "MessageRow")
