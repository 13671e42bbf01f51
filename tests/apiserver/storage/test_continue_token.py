"""Continue tokens as upstream writes and refuses them."""

from base64 import urlsafe_b64encode
from pickle import dumps, loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery.errors import ApiError
from kube.apiserver.storage.continue_token import ContinueExpiredError, decode, encode, parse_revision

PREFIX = b"/registry/pods/"
NAME = st.text("abc-.0\x00", min_size=1, max_size=9).filter(lambda name: name.strip(".") == name)


@given(NAME, NAME, st.integers(1, 2**62) | st.just(-1))
def test_a_token_leads_back_to_its_key_and_revision(namespace, name, revision):
    start = PREFIX + f"{namespace}/{name}".encode()
    assert decode(encode(start, PREFIX, revision), PREFIX) == (start, revision)


def test_the_form_is_upstreams():
    token = encode(b"/registry/pods/default/a\0", PREFIX, 7)
    assert token == "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Nywic3RhcnQiOiJkZWZhdWx0L2FcdTAwMDAifQ"


def token(text: str) -> str:
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%%%", "continue key is not valid"),
        (token("{"), "continue key is not valid"),
        (token('{"v":"v0","rv":1,"start":"a"}'), "server does not recognize this encoded version v0"),
        (token('{"v":"meta.k8s.io/v1","start":"a"}'), "incorrect encoded start resourceVersion"),
        (token('{"v":"meta.k8s.io/v1","rv":1}'), "encoded start key empty"),
        (
            token('{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets"}'),
            "continue key is not valid: ../secrets",
        ),
        (token('{"v":"meta.k8s.io/v1","rv":1,"start":"a/../../b"}'), "continue key is not valid"),
        (token('{"v":"meta.k8s.io/v1","rv":1,"start":"//b"}'), "continue key is not valid"),
    ],
    ids=["no base64", "no json", "version", "no revision", "no start", "above", "through", "root"],
)
def test_what_is_no_token_is_a_bad_request(text, message):
    with pytest.raises(ApiError, match=message.replace(".", r"\.")) as caught:
        decode(text, PREFIX)
    assert (caught.value.code, caught.value.reason) == (400, "BadRequest")


def test_an_expired_token_says_how_to_go_on():
    error = loads(dumps(ContinueExpiredError("next")))
    status = error.to_status()
    assert (status.code, status.reason, status.metadata.continue_) == (410, "Expired", "next")
    assert status.message.startswith(
        "The provided continue parameter is too old to display a consistent list result."
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abc", 'strconv.ParseUint: parsing "abc": invalid syntax'),
        ("-1", 'strconv.ParseUint: parsing "-1": invalid syntax'),
        ("٣", "invalid syntax"),
        (str(2**64), "value out of range"),
    ],
)
def test_a_resource_version_is_a_number_of_64_bits(text, why):
    with pytest.raises(ApiError) as caught:
        parse_revision(text)
    assert caught.value.code == 400
    assert caught.value.message.startswith("invalid resource version: resourceVersion: Invalid value: ")
    assert caught.value.message.endswith(why)


def test_resource_versions():
    assert [parse_revision(text) for text in ("", "0", "17", str(2**64 - 1))] == [0, 0, 17, 2**64 - 1]
