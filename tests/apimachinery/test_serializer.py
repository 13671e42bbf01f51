import importlib
import pkgutil
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from kube.api import types
from kube.apimachinery import serializer
from kube.apimachinery.meta import v1 as meta_v1
from kube.apimachinery.meta.struct import EMPTY_MAP, ApiStruct, Int32, Int64, IntOrString, always, shared
from kube.apimachinery.quantity import Quantity
from kube.apimachinery.serializer import DecodeError, decode, decode_strict, encode
from kube.apimachinery.shapes import StructShape, shape_of
from kube.apimachinery.time import Duration, MicroTime, Time


class Port(ApiStruct, frozen=True, kw_only=True, rename={"container_port": "containerPort"}):
    name: str = ""
    container_port: Int32 = always(0)
    target: IntOrString = 0


class Spec(ApiStruct, frozen=True, kw_only=True, rename={"host_network": "hostNetwork"}):
    ports: tuple[Port, ...] = ()
    args: tuple[str, ...] = ()
    limits: Mapping[str, Quantity] = EMPTY_MAP
    labels: Mapping[str, str] = EMPTY_MAP
    data: Mapping[str, bytes] = EMPTY_MAP
    host_network: bool = False
    priority: Int32 | None = None
    big: Int64 = 0
    ratio: float | None = None
    at: Time | None = None
    since: MicroTime | None = None
    period: Duration | None = None
    extra: msgspec.Raw = msgspec.Raw()
    either: "Port | tuple[Port, ...] | bool | None" = None
    nested: "Spec | None" = None


class Thing(ApiStruct, frozen=True, kw_only=True, rename={"api_version": "apiVersion"}):
    kind: str = always("Thing")
    api_version: str = always("v1")
    metadata: meta_v1.ObjectMeta = shared(meta_v1.ObjectMeta)
    spec: Spec = shared(Spec)


def stored(spec: str) -> Any:
    """The spec as it is encoded again."""
    return msgspec.json.decode(encode(decode(Thing, b'{"spec":%s}' % spec.encode())))["spec"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{}", {}),
        ("null", {}),
        ('{"limits":{"cpu":"0.5","b":2,"c":0.25}}', {"limits": {"cpu": "500m", "b": "2", "c": "250m"}}),
        ('{"limits":{"cpu":null}}', {"limits": {"cpu": "0"}}),
        ('{"labels":null,"args":null,"ports":null,"hostNetwork":null,"priority":null,"at":null}', {}),
        ('{"labels":{"b":null,"a":"x"}}', {"labels": {"a": "x", "b": ""}}),
        ('{"args":[null,"x"]}', {"args": ["", "x"]}),
        ('{"ports":[null]}', {"ports": [{"containerPort": 0}]}),
        ('{"ports":[{"containerPort":null}]}', {"ports": [{"containerPort": 0}]}),
        ('{"at":"2024-01-01T00:00:00+01:00"}', {"at": "2023-12-31T23:00:00Z"}),
        ('{"since":"2024-01-01T00:00:00.000001Z"}', {"since": "2024-01-01T00:00:00.000001Z"}),
        ('{"period":"90s"}', {"period": "1m30s"}),
        (
            '{"ports":[{"containerPort":1,"target":"http"}]}',
            {"ports": [{"containerPort": 1, "target": "http"}]},
        ),
        ('{"data":{"a":"eA==","b":null}}', {"data": {"a": "eA==", "b": ""}}),
        ('{"either":true,"args":null}', {"either": True}),
        ('{"either":[{"containerPort":1}],"args":null}', {"either": [{"containerPort": 1}]}),
        ('{"extra":{"b":[1.50,null]},"args":null}', {"extra": {"b": [1.5, None]}}),
        ('{"nested":{"nested":{"args":null}}}', {"nested": {"nested": {}}}),
        ('{"priority":0}', {"priority": 0}),
    ],
)
def test_what_is_stored_of_null_zero_and_uncanonical_input(spec, expected):
    assert stored(spec) == expected


def test_map_keys_are_written_sorted():
    thing = decode(Thing, b'{"spec":{"labels":{"b":"1","a":"2"}}}')
    assert encode(thing) == (
        b'{"kind":"Thing","apiVersion":"v1","metadata":{},"spec":{"labels":{"a":"2","b":"1"}}}'
    )


def test_read_only_maps_are_written():
    assert encode({"a": EMPTY_MAP}) == b'{"a":{}}'
    with pytest.raises(TypeError, match="object has no JSON form"):
        encode(object())


def test_raw_text_survives_the_slow_path():
    thing = decode(Thing, b'{"spec":{"args":null,"extra":{"a":1.50}}}')
    assert bytes(thing.spec.extra) == b'{"a":1.50}'


_UNKNOWN = b'{"spec":{"foo":1,"ports":[{"containerPort":1},{"bar":2}],"nested":{"baz":{}}},"metadata":{"x":null},"top":1}'
_REPEATED = (
    b'{"spec":{"labels":{"a":"1","a":"2"},"ports":[{"name":"x","name":"y"}]},"kind":"Thing","kind":"Thing"}'
)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (
            _UNKNOWN,
            (
                'unknown field "spec.foo"',
                'unknown field "spec.ports[1].bar"',
                'unknown field "spec.nested.baz"',
                'unknown field "metadata.x"',
                'unknown field "top"',
            ),
        ),
        (
            _REPEATED,
            (
                'duplicate field "spec.labels.a"',
                'duplicate field "spec.ports[0].name"',
                'duplicate field "kind"',
            ),
        ),
        (b'{"spec":{"bar":1,"bar":2}}', ('unknown field "spec.bar"',)),
        (b'{"spec":{"labels":{"a":"\\u003c"}}}', ()),
    ],
)
def test_unknown_and_repeated_fields_are_named(body, problems):
    strict = decode_strict(Thing, body, serializer.STRICT)
    assert strict.problems == problems
    assert decode_strict(Thing, body, serializer.WARN) == strict
    assert decode_strict(Thing, body, serializer.IGNORE).problems == ()
    assert decode(Thing, body) == strict.object


def test_of_repeated_fields_the_last_counts():
    thing = decode_strict(Thing, _REPEATED).object
    assert thing.spec.labels == {"a": "2"}
    assert thing.spec.ports[0].name == "y"


def test_a_hundred_problems_are_named():
    body = b'{"spec":{%s}}' % b",".join(b'"x%d":1' % index for index in range(150))
    assert len(decode_strict(Thing, body).problems) == 100


def test_strict_failure_lists_the_problems():
    assert serializer.strict_failure(('unknown field "a"', 'duplicate field "b"')) == (
        'strict decoding error: unknown field "a", duplicate field "b"'
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            '{"spec":{"hostNetwork":"x"}}',
            "json: cannot unmarshal string into Go struct field Spec.spec.hostNetwork of type bool",
        ),
        (
            '{"spec":{"args":"x"}}',
            "json: cannot unmarshal string into Go struct field Spec.spec.args of type []string",
        ),
        (
            '{"spec":{"args":[1]}}',
            "json: cannot unmarshal number into Go struct field Spec.spec.args of type string",
        ),
        (
            '{"spec":{"labels":{"a":true}}}',
            "json: cannot unmarshal bool into Go struct field Spec.spec.labels of type string",
        ),
        (
            '{"spec":{"labels":[]}}',
            "json: cannot unmarshal array into Go struct field Spec.spec.labels of type map[string]string",
        ),
        (
            '{"spec":{"priority":2147483648}}',
            "json: cannot unmarshal number 2147483648 into Go struct field Spec.spec.priority of type int32",
        ),
        (
            '{"spec":{"priority":1.5}}',
            "json: cannot unmarshal number 1.5 into Go struct field Spec.spec.priority of type int32",
        ),
        (
            '{"spec":{"big":9223372036854775808}}',
            "json: cannot unmarshal number 9223372036854775808 into Go struct field Spec.spec.big of type int64",
        ),
        (
            '{"spec":{"ports":[{"containerPort":"80"}]}}',
            "json: cannot unmarshal string into Go struct field Port.spec.ports.containerPort of type int32",
        ),
        (
            '{"spec":{"ports":[{"target":{}}]}}',
            "json: cannot unmarshal object into Go struct field Port.spec.ports.target of type int32",
        ),
        (
            '{"spec":{"ports":[1]}}',
            "json: cannot unmarshal number into Go struct field Spec.spec.ports of type test_serializer.Port",
        ),
        (
            '{"spec":{"ratio":"1"}}',
            "json: cannot unmarshal string into Go struct field Spec.spec.ratio of type float64",
        ),
        (
            '{"spec":{"at":1}}',
            "json: cannot unmarshal number into Go struct field Spec.spec.at of type string",
        ),
        (
            '{"spec":{"at":"x"}}',
            'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
        ),
        ('{"spec":{"period":"1d"}}', 'time: unknown unit "d" in duration "1d"'),
        (
            '{"spec":{"limits":{"cpu":"x"}}}',
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            '{"spec":{"limits":{"cpu":{}}}}',
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            '{"spec":{"data":{"a":1}}}',
            "json: cannot unmarshal number into Go struct field Spec.spec.data of type []uint8",
        ),
        ('{"spec":{"data":{"a":"eA="}}}', "illegal base64 data at input byte 3"),
        ('{"spec":{"data":{"a":"eA=x"}}}', "illegal base64 data at input byte 3"),
        ('{"spec":{"data":{"a":"eA==x"}}}', "illegal base64 data at input byte 4"),
        ('{"spec":{"data":{"a":"eHh4e"}}}', "illegal base64 data at input byte 4"),
        ('{"spec":{"data":{"a":"!!"}}}', "illegal base64 data at input byte 0"),
        ("[]", "json: cannot unmarshal array into Go value of type test_serializer.Thing"),
        ("{", "unexpected end of JSON input"),
        ('{"spec":{"nested":' * 100_000, "exceeded max depth"),
        ('{"spec":{"extra":' + "[" * 100_000 + "]" * 100_000 + "}}", "exceeded max depth"),
    ],
    ids=lambda value: value[:60],
)
def test_a_bad_value_is_refused_in_gos_words(body, message):
    message = message.replace("test_serializer", Port.__module__.rpartition(".")[2].rpartition("_")[2])
    for read in (decode, decode_strict):
        with pytest.raises(DecodeError, match=f"^{re.escape(message)}$"):
            read(Thing, body.encode())


@pytest.mark.parametrize(
    ("body", "api_version", "kind"),
    [
        (b'{"kind":"Pod","apiVersion":"v1","spec":{"x":[1,2]}}', "v1", "Pod"),
        (b'{"kind":null,"other":{}}', "", ""),
        (b'{"kind":"Pod","apiVersion":null,"kind":"Node"}', "", "Node"),
    ],
)
def test_a_body_says_what_it_is(body, api_version, kind):
    assert serializer.peek(body) == serializer.TypeMeta(api_version, kind)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"[]",
            'json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
        ),
        (b'{"kind":1}', "json: cannot unmarshal number into Go struct field .kind of type string"),
        (b"hello", "invalid character 'h' looking for beginning of value"),
    ],
)
def test_a_body_that_cannot_say_it(body, message):
    with pytest.raises(
        DecodeError, match=f"^couldn't get version/kind; json parse error: {re.escape(message)}$"
    ):
        serializer.peek(body)


def test_trees_have_their_repeated_keys_named():
    body = b'{"spec":{"a":[{"b":1,"b":2}]},"c":1}'
    decoded = serializer.decode_tree(body, serializer.WARN)
    assert decoded.object == {"spec": {"a": [{"b": 2}]}, "c": 1}
    assert decoded.problems == ('duplicate field "spec.a[0].b"',)
    assert serializer.decode_tree(body).problems == ()
    with pytest.raises(DecodeError, match="unexpected end"):
        serializer.decode_tree(b"{")


def test_failures_are_bad_requests():
    error = serializer.cannot_be_handled("Pod", "v1", "Pod", "why")
    assert (error.code, error.message) == (400, 'Pod in version "v1" cannot be handled as a Pod: why')
    assert serializer.is_unrecognized("Pod", "why", b"").message == (
        "the object provided is unrecognized (must be of type Pod): why (<empty>)"
    )
    assert serializer.is_unrecognized("Pod", "why", b'{"a":' + b" " * 30).message.endswith(
        f'({{"a":{" " * 25} ...)'
    )
    assert serializer.is_unrecognized("Pod", "why", b"hello").message.endswith("(68656c6c6f)")


def _api_modules():
    return [module.name for module in pkgutil.iter_modules(types.__path__)]


@pytest.mark.parametrize("module", _api_modules())
def test_every_api_type_has_a_shape(module):
    loaded = importlib.import_module(f"kube.api.types.{module}")
    kinds = [kind for kind in vars(loaded).values() if isinstance(kind, type) and issubclass(kind, ApiStruct)]
    assert kinds
    for kind in kinds:
        shape = shape_of(kind)
        assert isinstance(shape, StructShape)
        assert set(shape.fields) == {field.encode_name for field in msgspec.structs.fields(kind)}
        empty = decode(kind, b"{}")
        nulls = b"{%s}" % b",".join(b'"%s":null' % name.encode() for name in shape.fields)
        assert encode(decode(kind, nulls)) == encode(empty)
