import pytest

from kube.apimachinery.errors import already_exists, conflict, not_found
from kube.controllers.staleness import is_stale


@pytest.mark.parametrize(
    ("error", "stale"),
    [
        pytest.param(conflict("jobs", "web"), True, id="conflict"),
        pytest.param(not_found("jobs", "web"), True, id="owner-gone"),
        pytest.param(not_found("namespaces", "default"), False, id="another-gone"),
        pytest.param(already_exists("jobs", "web"), False, id="refused"),
        pytest.param(ValueError("x"), False, id="fault"),
    ],
)
def test_is_stale(error, stale):
    assert is_stale(error, "web") is stale
