"""One resource's registry store, with a context for its calls."""

from typing import Any

import pytest
from msgspec.structs import replace

from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.registry.strategy import Context
from kube.base.chance import Chance


@pytest.fixture
def context(server, clock):
    chance = Chance(5)

    def make(plural: str = "configmaps", group: str = "", **changes: Any) -> Context:
        row = server.row(plural, group)
        ctx = Context(
            user=UserInfo(username="u"), resource=row, namespace="default", now=clock.now(), chance=chance
        )
        return replace(ctx, **changes)

    return make


@pytest.fixture
def ctx(context):
    return context()


@pytest.fixture
def config_map():
    def make(name: str = "a", **meta: Any) -> ConfigMap:
        return ConfigMap(metadata=ObjectMeta(name=name, **meta))

    return make


@pytest.fixture
def configmaps(server):
    return server.install("configmaps")
