"""Without grpcio or protobuf one is told what to install."""

import sys

import pytest

from kube.store.etcdpb.extra import MissingExtraError, require_etcd_extra


@pytest.mark.parametrize(("module", "package"), [("google.protobuf", "protobuf"), ("grpc.aio", "grpcio")])
def test_the_command_is_named(monkeypatch: pytest.MonkeyPatch, module: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"needs {package}: pip install 'kube-actors\[etcd\]'"):
        require_etcd_extra()
