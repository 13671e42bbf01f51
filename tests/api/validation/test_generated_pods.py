"""Generated pods: sound ones pass, defaulting is idempotent, and no input makes either raise."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.api.defaults import default
from kube.api.types.core_v1 import Pod
from kube.api.validation import validate, validate_update
from kube.apimachinery.serializer import decode

label = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
key = st.from_regex(r"([a-z]{1,5}\.io/)?[A-Za-z][-A-Za-z0-9_.]{0,8}[a-z]", fullmatch=True)
port_name = st.from_regex(r"[a-z]{1,8}(-[a-z]{1,5})?", fullmatch=True)
port = st.integers(1, 65535)
quantity = st.sampled_from(["1", "500m", "2Gi", "1500u", "100M"])
env_name = st.from_regex(r"[A-Z_][A-Z0-9_.-]{0,12}", fullmatch=True)
pulls = st.sampled_from(["Always", "IfNotPresent", "Never"])
image = st.builds("{}:{}".format, label, st.sampled_from(["latest", "1.0", "v2"])) | label


def optional(**fields):
    return st.fixed_dictionaries({}, optional=fields)


action = st.one_of(
    st.fixed_dictionaries({"exec": st.just({"command": ["true"]})}),
    st.builds(lambda p: {"httpGet": {"port": p}}, port | port_name),
    st.builds(lambda p: {"tcpSocket": {"port": p}}, port),
)
probe = st.builds(lambda a, b: {**a, **b}, action, optional(periodSeconds=st.integers(0, 60)))
resources = st.builds(
    lambda amounts, limited: {"limits": amounts} if limited else {"requests": amounts},
    st.dictionaries(st.sampled_from(["cpu", "memory", "ephemeral-storage"]), quantity),
    st.booleans(),
)
env = st.one_of(
    st.fixed_dictionaries({"name": env_name, "value": st.text(max_size=5)}),
    st.builds(
        lambda name, field: {"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}},
        env_name,
        st.sampled_from(["metadata.name", "status.podIP", "metadata.labels['a']"]),
    ),
    st.builds(
        lambda name, ref: {"name": name, "valueFrom": {"secretKeyRef": {"name": ref, "key": "k"}}},
        env_name,
        label,
    ),
)
ports = st.lists(
    st.builds(lambda name, number: {"name": name, "containerPort": number}, port_name, port),
    max_size=3,
    unique_by=lambda each: each["name"],
)
source = st.one_of(
    st.just({}),
    st.just({"emptyDir": {"sizeLimit": "1Gi"}}),
    st.builds(lambda name: {"configMap": {"name": name}}, label),
    st.builds(lambda name: {"secret": {"secretName": name, "defaultMode": 256}}, label),
    st.just({"projected": {"sources": [{"configMap": {"name": "a"}}]}}),
    st.just({"hostPath": {"path": "/var/log"}}),
)


@st.composite
def pods(draw):
    names = draw(st.lists(label, min_size=2, max_size=4, unique=True))
    volumes = [{"name": name, **draw(source)} for name in draw(st.lists(label, max_size=3, unique=True))]
    containers = [
        {
            "name": name,
            "image": draw(image),
            **draw(
                optional(
                    ports=ports,
                    env=st.lists(env, max_size=3),
                    resources=resources,
                    readinessProbe=probe,
                    livenessProbe=probe,
                    imagePullPolicy=pulls,
                    lifecycle=st.just({"preStop": {"sleep": {"seconds": 1}}}),
                )
            ),
            "volumeMounts": [
                {"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes
            ],
        }
        for name in names
    ]
    init = [{key: value for key, value in containers.pop().items() if key in ("name", "image", "resources")}]
    spec = {"containers": containers, "volumes": volumes, "initContainers": init}
    spec |= draw(
        optional(
            restartPolicy=st.sampled_from(["Always", "OnFailure", "Never"]),
            nodeSelector=st.dictionaries(key, label, max_size=2),
            tolerations=st.lists(st.builds(lambda k: {"key": k, "operator": "Exists"}, key), max_size=2),
            serviceAccountName=label,
            hostNetwork=st.just(False),
            terminationGracePeriodSeconds=st.integers(1, 100),
        )
    )
    labels = draw(st.dictionaries(key, label, max_size=3))
    return {"metadata": {"name": draw(label), "namespace": "default", "labels": labels}, "spec": spec}


def build(tree):
    return decode(Pod, json.dumps(tree).encode())


@given(pods())
@settings(max_examples=60, deadline=None)
def test_a_sound_pod_has_no_errors(tree):
    assert [str(error) for error in validate(default(build(tree)))] == []


@given(pods())
@settings(max_examples=40, deadline=None)
def test_defaulting_is_idempotent_and_changes_nothing_that_was_given(tree):
    pod = build(tree)
    before = msgspec.json.encode(pod)
    filled = default(pod)
    assert default(filled) is filled
    assert msgspec.json.encode(pod) == before
    assert build(json.loads(msgspec.json.encode(filled))) == filled


@given(pods())
@settings(max_examples=30, deadline=None)
def test_an_unchanged_pod_can_be_written_again(tree):
    tree["metadata"]["resourceVersion"] = "1"
    pod = default(build(tree))
    again = default(build(json.loads(msgspec.json.encode(pod))))
    assert validate_update(again, pod) == []


texts = st.text(max_size=6) | st.sampled_from(["", "a b", "..", "/", "-1", "None", "Exists", "web"])
scrambled = st.recursive(
    st.none() | texts | st.integers(-3, 70000) | st.booleans(),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(pods(), st.data())
@settings(max_examples=80, deadline=None)
def test_whatever_decodes_is_judged_without_raising(tree, data):
    """Values anywhere in a pod are replaced; what still decodes must be defaulted and judged."""
    for _ in range(data.draw(st.integers(1, 4))):
        node = tree["spec"]
        while True:
            step = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
            child = node[step]
            if not child or not isinstance(child, dict | list) or data.draw(st.booleans()):
                node[step] = data.draw(scrambled)
                break
            node = child
    try:
        pod = build(tree)
    except (ValueError, msgspec.ValidationError):
        return
    errors = validate(default(pod))
    assert all(str(error) for error in errors)
