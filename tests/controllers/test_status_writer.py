import pytest
from msgspec.structs import replace
from objects import meta

from kube.api.types.apps_v1 import ReplicaSet, ReplicaSetStatus
from kube.apimachinery.errors import ApiError, conflict, forbidden, not_found
from kube.controllers.status_writer import write_status

OWNER = ReplicaSet(metadata=meta("web", uid="u1", resource_version="1"))
FRESH = replace(OWNER, metadata=meta("web", uid="u1", resource_version="2"))
STATUS = ReplicaSetStatus(replicas=3)
CONFLICT = conflict("replicasets", "web")


class Client:
    """Has the live object (or an error), and refuses as many updates as there are ``refusals``."""

    def __init__(self, live, *refusals):
        self.live = live
        self.refusals = list(refusals)
        self.written = []

    async def get(self, _kind, _name, *, namespace):
        assert namespace == "default"
        if isinstance(self.live, ApiError):
            raise self.live
        return self.live

    async def update_status(self, obj):
        if self.refusals:
            raise self.refusals.pop(0)
        self.written.append(obj.metadata.resource_version)
        return obj


@pytest.mark.parametrize(
    ("client", "written"),
    [
        pytest.param(Client(FRESH), ["1"], id="at-once"),
        pytest.param(Client(FRESH, CONFLICT), ["2"], id="over-the-live-object"),
        pytest.param(Client(replace(FRESH, status=STATUS), CONFLICT), [], id="somebody-has"),
        pytest.param(Client(FRESH, not_found("replicasets", "web")), [], id="gone"),
        pytest.param(Client(not_found("replicasets", "web"), CONFLICT), [], id="gone-meanwhile"),
        pytest.param(Client(replace(FRESH, metadata=meta("web", uid="u2")), CONFLICT), [], id="made-again"),
    ],
)
async def test_write_status(client, written):
    await write_status(client, OWNER, STATUS)
    assert client.written == written


@pytest.mark.parametrize(
    "refusals",
    [pytest.param((CONFLICT, CONFLICT), id="twice"), pytest.param((forbidden("x", "y", "z"),), id="other")],
)
async def test_what_else_the_server_says_is_raised(refusals):
    with pytest.raises(ApiError):
        await write_status(Client(FRESH, *refusals), OWNER, STATUS)
