import re

from hypothesis import given
from hypothesis import strategies as st
from objects import template

from kube.controllers.template_hash import safe_encode, template_hash


@given(st.text("abcdefgh0123456789", max_size=20), st.none() | st.integers(0, 1000))
def test_it_is_a_label_and_the_same_for_equal_templates(image, collisions):
    value = template_hash(template(image), collisions)
    assert re.fullmatch("[bcdfghjklmnpqrstvwxz2456789]{1,10}", value)
    assert value == template_hash(template(image), collisions)


def test_collisions_and_templates_tell_apart():
    values = {template_hash(template(image), count) for image in ("a", "b") for count in (None, 0, 1)}
    assert len(values) == 6


def test_the_encoding_keeps_the_length():
    assert safe_encode("0123456789") == "456789bcdf"
