import pytest

from kube.api.helpers import taints
from kube.api.types.core_v1 import Taint, Toleration

TAINT = Taint(key="gpu", value="5", effect="NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        (Toleration(key="gpu", value="5", effect="NoSchedule"), True),
        (Toleration(key="gpu", operator="Equal", value="5"), True),
        (Toleration(key="gpu", value="6"), False),
        (Toleration(key="gpu", value="5", effect="NoExecute"), False),
        (Toleration(key="gpu", operator="Exists"), True),
        (Toleration(operator="Exists"), True),
        (Toleration(key="cpu", operator="Exists"), False),
        (Toleration(key="gpu", operator="Lt", value="6"), True),
        (Toleration(key="gpu", operator="Lt", value="5"), False),
        (Toleration(key="gpu", operator="Gt", value="4"), True),
        (Toleration(key="gpu", operator="Gt", value="x"), False),
        (Toleration(key="gpu", operator="Is", value="5"), False),
    ],
)
def test_tolerates(toleration, tolerated):
    assert taints.tolerates(toleration, TAINT) is tolerated


def test_the_first_untolerated_taint_of_the_effects():
    soft = Taint(key="soft", effect="PreferNoSchedule")
    hard = Taint(key="hard", effect="NoExecute")
    found = taints.find_untolerated_taint((soft, TAINT, hard), (), ("NoSchedule", "NoExecute"))
    assert found is TAINT
    everything = (Toleration(operator="Exists"),)
    assert taints.find_untolerated_taint((TAINT, hard), everything, ("NoSchedule", "NoExecute")) is None


def test_a_taint_replaces_that_of_its_key_and_effect():
    other = Taint(key="gpu", effect="NoExecute")
    newer = Taint(key="gpu", value="6", effect="NoSchedule")
    assert taints.with_taint((TAINT, other), newer) == (other, newer)
    assert taints.without_taint((TAINT, other), "gpu", "NoExecute") == (TAINT,)
    assert taints.has_taint((TAINT,), "gpu", "NoSchedule")
    assert not taints.has_taint((TAINT,), "gpu", "NoExecute")


def test_a_toleration_replaces_that_of_its_target():
    old = Toleration(key="a", operator="Exists", effect="NoExecute", toleration_seconds=1)
    new = Toleration(key="a", operator="Exists", effect="NoExecute", toleration_seconds=2)
    other = Toleration(key="b", operator="Exists")
    assert taints.add_toleration((old, other), new) == (new, other)
    assert taints.add_toleration((old,), other) == (old, other)
