"""The order of admission, and who is asked at all."""

import pytest
from msgspec.structs import replace

from kube.api.resources import builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.errors import ApiError, forbidden
from kube.apiserver.admission.chain import Chain
from kube.apiserver.admission.interface import Attributes

ROW = builtin_table().get("", "v1", "configmaps")


class Plugin:
    """Writes its name into the object, and what it saw into a log."""

    def __init__(self, name, log, operations=("CREATE",), resources=None, refuses=False):
        self.name = name
        self.operations = frozenset(operations)
        self.resources = resources
        self.log = log
        self.refuses = refuses

    async def admit(self, attributes):
        self.log.append(("admit", self.name, dict(attributes.object.data)))
        return replace(attributes.object, data={**attributes.object.data, self.name: ""})

    async def validate(self, attributes):
        self.log.append(("validate", self.name, dict(attributes.object.data)))
        if self.refuses:
            raise forbidden("configmaps", "a", self.name)


@pytest.fixture
def log():
    return []


def attributes(operation="CREATE"):
    return Attributes(operation=operation, resource=ROW, object=ConfigMap(), user=UserInfo())


async def test_each_mutator_sees_what_the_one_before_made(log):
    chain = Chain([Plugin("a", log), Plugin("b", log)])
    result = await chain.admit(attributes())
    assert result.data == {"a": "", "b": ""}
    assert log == [("admit", "a", {}), ("admit", "b", {"a": ""})]


async def test_the_first_refusal_ends_it(log):
    chain = Chain((), [Plugin("a", log), Plugin("b", log, refuses=True), Plugin("c", log)])
    with pytest.raises(ApiError, match='configmaps "a" is forbidden: b'):
        await chain.validate(attributes())
    assert [name for _, name, _ in log] == ["a", "b"]


@pytest.mark.parametrize(
    ("operations", "resources", "asked"),
    [
        (("CREATE",), None, True),
        (("UPDATE",), None, False),
        (("CREATE",), frozenset({("", "configmaps")}), True),
        (("CREATE",), frozenset({("", "pods")}), False),
        (("CREATE",), frozenset({("apps", "configmaps")}), False),
    ],
    ids=["operation", "other operation", "resource", "other resource", "other group"],
)
async def test_who_is_asked(log, operations, resources, asked):
    plugin = Plugin("a", log, operations, resources)
    chain = Chain([plugin], [plugin])
    await chain.admit(attributes())
    await chain.validate(attributes())
    assert bool(log) is asked
    assert bool(chain.mutators("CREATE", "", "configmaps")) is asked
    assert bool(chain.validators("CREATE", "", "configmaps")) is asked
