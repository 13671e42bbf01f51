import pytest

from kube.controllers.scaled import scaled_value


@pytest.mark.parametrize(
    ("value", "whole", "up", "down"),
    [
        pytest.param(3, 10, 3, 3, id="number"),
        pytest.param("25%", 10, 3, 2, id="percent"),
        pytest.param("50%", 10, 5, 5, id="exact"),
        pytest.param("100%", 7, 7, 7, id="all"),
        pytest.param("0%", 7, 0, 0, id="none"),
        pytest.param("1%", 1, 1, 0, id="little"),
    ],
)
def test_scaled_value(value, whole, up, down):
    assert scaled_value(value, whole, round_up=True) == up
    assert scaled_value(value, whole, round_up=False) == down


def test_a_text_that_is_no_percentage():
    with pytest.raises(ValueError, match="abc"):
        scaled_value("abc", 10, round_up=True)
