"""What is stored of what is written: null, zero, empty, unknown, repeated and non-canonical input, kind by kind.

A row is the text of a body, the whole tree that is stored of it, and the problems that are named for strict callers.
"""

import json

import pytest

from kube.api.defaults import default
from kube.api.types.apps_v1 import Deployment
from kube.api.types.batch_v1 import Job
from kube.api.types.core_v1 import ConfigMap, Node, Pod, Service
from kube.apimachinery.serializer import decode, decode_strict, encode

# The least stored form of each kind: what a body of the fewest fields becomes.

CONTAINER = {
    "name": "c",
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}
TEMPLATE_SPEC = {
    "containers": [CONTAINER],
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
TEMPLATE = {"metadata": {}, "spec": TEMPLATE_SPEC}
POD_SPEC = {**TEMPLATE_SPEC, "enableServiceLinks": True}
SERVICE_SPEC = {"sessionAffinity": "None", "type": "ClusterIP", "internalTrafficPolicy": "Cluster"}
DEPLOYMENT_SPEC = {
    "replicas": 1,
    "selector": None,
    "template": TEMPLATE,
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
    "revisionHistoryLimit": 10,
    "progressDeadlineSeconds": 600,
}
JOB_SPEC = {
    "parallelism": 1,
    "completions": 1,
    "backoffLimit": 6,
    "manualSelector": False,
    "template": TEMPLATE,
    "completionMode": "NonIndexed",
    "suspend": False,
    "podReplacementPolicy": "TerminatingOrFailed",
}
NODE_STATUS = {
    "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
    "nodeInfo": dict.fromkeys(
        (
            "machineID",
            "systemUUID",
            "bootID",
            "kernelVersion",
            "osImage",
            "containerRuntimeVersion",
            "kubeletVersion",
            "kubeProxyVersion",
            "operatingSystem",
            "architecture",
        ),
        "",
    ),
}


def stored(kind, version="v1", **parts):
    return {"kind": kind, "apiVersion": version, "metadata": {}, **parts}


def pod(container=None, **spec):
    return stored(
        "Pod", spec={**POD_SPEC, "containers": [{**CONTAINER, **(container or {})}], **spec}, status={}
    )


def service(**spec):
    return stored("Service", spec={**SERVICE_SPEC, **spec}, status={"loadBalancer": {}})


def deployment(**spec):
    return stored("Deployment", "apps/v1", spec={**DEPLOYMENT_SPEC, **spec}, status={})


def job(**spec):
    return stored("Job", "batch/v1", spec={**JOB_SPEC, **spec}, status={})


def config_map(**data):
    return stored("ConfigMap", **data)


def node(spec=None, **status):
    return stored("Node", spec=spec or {}, status={**NODE_STATUS, **status})


def container(text):
    return '{"spec":{"containers":[{"name":"c","image":"nginx:1.25",TEXT}]}}'.replace("TEXT", text)


def of_pod(text):
    return '{"spec":{"containers":[{"name":"c"}],TEXT}}'.replace("TEXT", text)


def of_template(text):
    return '{"spec":{"template":{"spec":{"containers":[{"name":"c"}]}},TEXT}}'.replace("TEXT", text)


def spec(text):
    return '{"spec":{TEXT}}'.replace("TEXT", text)


def status(text):
    return '{"status":{TEXT}}'.replace("TEXT", text)


IMAGE = {"image": "nginx:1.25"}
PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def with_image(**fields):
    return pod({**IMAGE, **fields})


PODS = {
    "null scalar": (container('"command":null,"workingDir":null,"tty":null'), with_image(), ()),
    "null struct": (container('"resources":null,"securityContext":null'), with_image(), ()),
    "null in a map": (
        '{"metadata":{"labels":{"a":null}},"spec":{"containers":[{"name":"c","image":"nginx:1.25"}]}}',
        {**with_image(), "metadata": {"labels": {"a": ""}}},
        (),
    ),
    "null in a list": (container('"args":["a",null]'), with_image(args=["a", ""]), ()),
    "null struct in a list": (
        container('"env":[null]'),
        with_image(env=[{"name": ""}]),
        (),
    ),
    "null metadata": (
        '{"metadata":null,"spec":{"containers":[{"name":"c","image":"nginx:1.25"}]}}',
        with_image(),
        (),
    ),
    "null status": (
        '{"spec":{"containers":[{"name":"c","image":"nginx:1.25"}]},"status":null}',
        with_image(),
        (),
    ),
    "zero integers": (
        container('"ports":[{"containerPort":0,"hostPort":0}]'),
        with_image(ports=[{"containerPort": 0, "protocol": "TCP"}]),
        (),
    ),
    "zero behind a pointer": (
        of_pod('"terminationGracePeriodSeconds":0,"activeDeadlineSeconds":0,"priority":0'),
        pod(terminationGracePeriodSeconds=0, activeDeadlineSeconds=0, priority=0),
        (),
    ),
    "false": (of_pod('"hostNetwork":false,"hostPID":false'), pod(), ()),
    "false behind a pointer": (
        of_pod('"enableServiceLinks":false,"automountServiceAccountToken":false'),
        pod(enableServiceLinks=False, automountServiceAccountToken=False),
        (),
    ),
    "empty text": (of_pod('"nodeName":"","hostname":"","restartPolicy":""'), pod(), ()),
    "empty text behind a pointer": (
        of_pod('"runtimeClassName":"","preemptionPolicy":""'),
        pod(runtimeClassName="", preemptionPolicy=""),
        (),
    ),
    "empty lists and maps": (
        of_pod('"volumes":[],"tolerations":[],"nodeSelector":{},"imagePullSecrets":[]'),
        pod(),
        (),
    ),
    "empty structs behind pointers": (
        of_pod('"affinity":{},"dnsConfig":{},"securityContext":{}'),
        pod(affinity={}, dnsConfig={}),
        (),
    ),
    "empty volume": (
        of_pod('"volumes":[{"name":"v"}]'),
        pod(volumes=[{"name": "v", "emptyDir": {}}]),
        (),
    ),
    "empty probe": (container('"livenessProbe":{}'), with_image(livenessProbe=PROBE), ()),
    "zeros of a probe": (
        container('"livenessProbe":{"initialDelaySeconds":0,"periodSeconds":0,"failureThreshold":0}'),
        with_image(livenessProbe=PROBE),
        (),
    ),
    "empty environment": (
        container('"env":[{"name":"A","value":""}]'),
        with_image(env=[{"name": "A"}]),
        (),
    ),
    "decimal quantity": (
        container('"resources":{"requests":{"cpu":"0.5","memory":"1.5Gi"}}'),
        with_image(resources={"requests": {"cpu": "500m", "memory": "1536Mi"}}),
        (),
    ),
    "number as quantity": (
        container('"resources":{"requests":{"cpu":1.5,"memory":1024}}'),
        with_image(resources={"requests": {"cpu": "1500m", "memory": "1024"}}),
        (),
    ),
    "exponents": (
        container('"resources":{"requests":{"cpu":"1e1","memory":"1E3"}}'),
        with_image(resources={"requests": {"cpu": "10", "memory": "1e3"}}),
        (),
    ),
    "too fine a quantity": (
        container('"resources":{"requests":{"cpu":"1.0001"}}'),
        with_image(resources={"requests": {"cpu": "1001m"}}),
        (),
    ),
    "limits are requests": (
        container('"resources":{"limits":{"cpu":"1000m"}}'),
        with_image(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}),
        (),
    ),
    "null quantity": (
        container('"resources":{"requests":{"cpu":null}}'),
        with_image(resources={"requests": {"cpu": "0"}}),
        (),
    ),
    "time with an offset": (
        (
            '{"metadata":{"creationTimestamp":"2024-01-01T02:00:00+02:00"},'
            '"spec":{"containers":[{"name":"c","image":"nginx:1.25"}]}}'
        ),
        {**with_image(), "metadata": {"creationTimestamp": "2024-01-01T00:00:00Z"}},
        (),
    ),
    "null time": (
        (
            '{"metadata":{"creationTimestamp":null,"deletionTimestamp":null},'
            '"spec":{"containers":[{"name":"c","image":"nginx:1.25"}]}}'
        ),
        with_image(),
        (),
    ),
    "deprecated name": (
        of_pod('"serviceAccount":"a"'),
        pod(serviceAccount="a", serviceAccountName="a"),
        (),
    ),
    "two names": (
        of_pod('"serviceAccount":"a","serviceAccountName":"b"'),
        pod(serviceAccount="b", serviceAccountName="b"),
        (),
    ),
    "number or text": (
        container('"livenessProbe":{"httpGet":{"port":"80"}}'),
        with_image(livenessProbe={"httpGet": {"path": "/", "port": "80", "scheme": "HTTP"}, **PROBE}),
        (),
    ),
    "unknown": (
        container('"livenesProbe":{},"x":[1,{"y":2}]'),
        with_image(),
        ('unknown field "spec.containers[0].livenesProbe"', 'unknown field "spec.containers[0].x"'),
    ),
    "wrong case": (
        container('"Image":"other"'),
        with_image(),
        ('unknown field "spec.containers[0].Image"',),
    ),
    "repeated": (
        container('"image":"redis:1"'),
        pod({"image": "redis:1"}),
        ('duplicate field "spec.containers[0].image"',),
    ),
    "repeated in a map": (
        '{"metadata":{"labels":{"a":"1","a":"2"}},"spec":{"containers":[{"name":"c","image":"nginx:1.25"}]}}',
        {**with_image(), "metadata": {"labels": {"a": "2"}}},
        ('duplicate field "metadata.labels.a"',),
    ),
    "escaped text": (
        container(r'"args":["\u0061\/\u00e9"]'),
        with_image(args=["a/é"]),
        (),
    ),
}
PORT = {"protocol": "TCP", "port": 80, "targetPort": 80}
SERVICES = {
    "empty": ("{}", service(), ()),
    "null spec": ('{"spec":null}', service(), ()),
    "empty type": (spec('"type":"","sessionAffinity":""'), service(), ()),
    "null selector": (spec('"selector":null,"ports":null'), service(), ()),
    "empty selector": (spec('"selector":{},"externalIPs":[]'), service(), ()),
    "no target port": (spec('"ports":[{"port":80}]'), service(ports=[PORT]), ()),
    "zero target port": (spec('"ports":[{"port":80,"targetPort":0}]'), service(ports=[PORT]), ()),
    "empty target port": (spec('"ports":[{"port":80,"targetPort":""}]'), service(ports=[PORT]), ()),
    "null target port": (spec('"ports":[{"port":80,"targetPort":null}]'), service(ports=[PORT]), ()),
    "named target port": (
        spec('"ports":[{"port":80,"targetPort":"http"}]'),
        service(ports=[{**PORT, "targetPort": "http"}]),
        (),
    ),
    "zero node port": (spec('"ports":[{"port":80,"nodePort":0}]'), service(ports=[PORT]), ()),
    "null application protocol": (
        spec('"ports":[{"port":80,"appProtocol":null}]'),
        service(ports=[PORT]),
        (),
    ),
    "empty application protocol": (
        spec('"ports":[{"port":80,"appProtocol":""}]'),
        service(ports=[{**PORT, "appProtocol": ""}]),
        (),
    ),
    "needless affinity": (
        spec('"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":5}}'),
        service(),
        (),
    ),
    "affinity": (
        spec('"sessionAffinity":"ClientIP"'),
        service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}}),
        (),
    ),
    "false": (spec('"publishNotReadyAddresses":false'), service(), ()),
    "balancer": (
        spec('"type":"LoadBalancer","allocateLoadBalancerNodePorts":false'),
        service(type="LoadBalancer", externalTrafficPolicy="Cluster", allocateLoadBalancerNodePorts=False),
        (),
    ),
    "outside": (
        spec('"type":"ExternalName","externalName":"a.io"'),
        {
            **service(type="ExternalName", externalName="a.io"),
            "spec": {"type": "ExternalName", "externalName": "a.io", "sessionAffinity": "None"},
        },
        (),
    ),
    "unknown": (spec('"clusterIp":"None"'), service(), ('unknown field "spec.clusterIp"',)),
    "repeated": (
        spec('"clusterIP":"None","clusterIP":"10.0.0.1"'),
        service(clusterIP="10.0.0.1"),
        ('duplicate field "spec.clusterIP"',),
    ),
}
ROLLING = {"maxUnavailable": "25%", "maxSurge": "25%"}
DEPLOYMENTS = {
    "zero replicas": (of_template('"replicas":0'), deployment(replicas=0), ()),
    "null replicas": (of_template('"replicas":null'), deployment(), ()),
    "zero limits": (
        of_template('"revisionHistoryLimit":0,"minReadySeconds":0,"paused":false'),
        deployment(revisionHistoryLimit=0),
        (),
    ),
    "null strategy": (of_template('"strategy":null'), deployment(), ()),
    "empty strategy": (of_template('"strategy":{"rollingUpdate":{}}'), deployment(), ()),
    "zero surge": (
        of_template('"strategy":{"rollingUpdate":{"maxSurge":0}}'),
        deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {**ROLLING, "maxSurge": 0}}),
        (),
    ),
    "empty surge": (
        of_template('"strategy":{"rollingUpdate":{"maxSurge":""}}'),
        deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {**ROLLING, "maxSurge": ""}}),
        (),
    ),
    "recreate": (
        of_template('"strategy":{"type":"Recreate"}'),
        deployment(strategy={"type": "Recreate"}),
        (),
    ),
    "empty selector": (of_template('"selector":{}'), deployment(selector={}), ()),
    "empty selector lists": (
        of_template('"selector":{"matchLabels":{},"matchExpressions":[]}'),
        deployment(selector={}),
        (),
    ),
    "expression without values": (
        of_template('"selector":{"matchExpressions":[{"key":"a","operator":"Exists","values":[]}]}'),
        deployment(selector={"matchExpressions": [{"key": "a", "operator": "Exists"}]}),
        (),
    ),
    "requests stay unsaid in templates": (
        '{"spec":{"template":{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"2000m"}}}]}}}}',
        deployment(
            template={
                "metadata": {},
                "spec": {
                    **TEMPLATE_SPEC,
                    "containers": [{**CONTAINER, "resources": {"limits": {"cpu": "2"}}}],
                },
            }
        ),
        (),
    ),
    "unknown": (
        of_template('"replica":3'),
        deployment(),
        ('unknown field "spec.replica"',),
    ),
    "repeated": (
        of_template('"replicas":3,"replicas":4'),
        deployment(replicas=4),
        ('duplicate field "spec.replicas"',),
    ),
}
JOBS = {
    "zeros": (
        of_template('"parallelism":0,"completions":0,"backoffLimit":0,"ttlSecondsAfterFinished":0'),
        job(parallelism=0, completions=0, backoffLimit=0, ttlSecondsAfterFinished=0),
        (),
    ),
    "nulls": (
        of_template('"parallelism":null,"completions":null,"suspend":null,"selector":null'),
        job(),
        (),
    ),
    "parallelism alone": (
        of_template('"parallelism":2'),
        {
            **job(),
            "spec": {k: v for k, v in job(parallelism=2)["spec"].items() if k != "completions"},
        },
        (),
    ),
    "completions alone": (of_template('"completions":5'), job(completions=5), ()),
    "empty mode": (of_template('"completionMode":""'), job(completionMode=""), ()),
    "true and false": (
        of_template('"suspend":true,"manualSelector":false'),
        job(suspend=True),
        (),
    ),
    "empty label map": (
        (
            '{"metadata":{"labels":{}},"spec":{"template":{"metadata":{"labels":{"a":"b"}},'
            '"spec":{"containers":[{"name":"c"}]}}}}'
        ),
        {
            **job(template={**TEMPLATE, "metadata": {"labels": {"a": "b"}}}),
            "metadata": {"labels": {"a": "b"}},
        },
        (),
    ),
    "unknown": (
        of_template('"backOffLimit":1'),
        job(),
        ('unknown field "spec.backOffLimit"',),
    ),
    "repeated": (
        of_template('"backoffLimit":1,"backoffLimit":2'),
        job(backoffLimit=2),
        ('duplicate field "spec.backoffLimit"',),
    ),
}
CONFIG_MAPS = {
    "empty": ("{}", config_map(), ()),
    "null data": ('{"data":null,"binaryData":null,"immutable":null}', config_map(), ()),
    "empty data": ('{"data":{},"binaryData":{}}', config_map(), ()),
    "empty value": ('{"data":{"a":""}}', config_map(data={"a": ""}), ()),
    "null value": ('{"data":{"a":null}}', config_map(data={"a": ""}), ()),
    "empty bytes": ('{"binaryData":{"a":""}}', config_map(binaryData={"a": ""}), ()),
    "false": ('{"immutable":false}', config_map(immutable=False), ()),
    "keys are sorted": ('{"data":{"b":"2","a":"1"}}', config_map(data={"a": "1", "b": "2"}), ()),
    "empty finalizer list": ('{"metadata":{"finalizers":[],"annotations":{}}}', config_map(), ()),
    "zero generation": ('{"metadata":{"generation":0,"name":""}}', config_map(), ()),
    "unknown": ('{"spec":{},"data":{"a":"1"}}', config_map(data={"a": "1"}), ('unknown field "spec"',)),
    "repeated key": (
        '{"data":{"a":"1","a":"2"}}',
        config_map(data={"a": "2"}),
        ('duplicate field "data.a"',),
    ),
}
CAPACITY = {"cpu": "4", "memory": "8Gi", "pods": "110"}
NODES = {
    "empty": ("{}", node(), ()),
    "null status": ('{"spec":null,"status":null}', node(), ()),
    "address range": (
        spec('"podCIDR":"10.0.0.0/24"'),
        node({"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}),
        (),
    ),
    "address ranges": (
        spec('"podCIDRs":["10.0.0.0/24","fd00::/64"]'),
        node({"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24", "fd00::/64"]}),
        (),
    ),
    "schedulable": (spec('"unschedulable":false,"taints":[],"providerID":""'), node(), ()),
    "taint": (
        spec('"taints":[{"key":"a","value":"","effect":"NoSchedule","timeAdded":null}]'),
        node({"taints": [{"key": "a", "effect": "NoSchedule"}]}),
        (),
    ),
    "capacity": (
        status('"capacity":{"cpu":"4000m","memory":"8388608Ki","pods":110}'),
        node(capacity=CAPACITY, allocatable=CAPACITY),
        (),
    ),
    "capacity and allocatable": (
        status('"capacity":{"cpu":"4"},"allocatable":{"cpu":"3.5"}'),
        node(capacity={"cpu": "4"}, allocatable={"cpu": "3500m"}),
        (),
    ),
    "images": (
        status('"images":[{"names":["a"],"sizeBytes":0}]'),
        node(images=[{"names": ["a"]}]),
        (),
    ),
    "condition": (
        status(
            '"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"2024-01-01T00:00:00.9Z"}]'
        ),
        node(
            conditions=[
                {
                    "type": "Ready",
                    "status": "True",
                    "lastHeartbeatTime": "2024-01-01T00:00:00Z",
                    "lastTransitionTime": None,
                }
            ]
        ),
        (),
    ),
    "unknown": (status('"ready":true'), node(), ('unknown field "status.ready"',)),
    "repeated": (
        spec('"providerID":"a","providerID":"b"'),
        node({"providerID": "b"}),
        ('duplicate field "spec.providerID"',),
    ),
}
TABLES = {
    Pod: PODS,
    Service: SERVICES,
    Deployment: DEPLOYMENTS,
    Job: JOBS,
    ConfigMap: CONFIG_MAPS,
    Node: NODES,
}
ROWS = {
    f"{cls.__name__}: {name}": (cls, *row) for cls, table in TABLES.items() for name, row in table.items()
}


def test_there_are_rows_enough():
    assert len(ROWS) >= 80


@pytest.mark.parametrize(("cls", "text", "expected", "problems"), ROWS.values(), ids=ROWS)
def test_stored_form(cls, text, expected, problems):
    decoded = decode_strict(cls, text.encode())
    assert decoded.problems == problems
    obj = default(decode(cls, text.encode()))
    assert obj == default(decoded.object)
    assert json.loads(encode(obj)) == expected


@pytest.mark.parametrize(("cls", "text", "expected", "problems"), ROWS.values(), ids=ROWS)
def test_what_is_stored_is_read_back_as_it_was(cls, text, expected, problems):
    obj = default(decode(cls, text.encode()))
    data = encode(obj)
    again = decode_strict(cls, data)
    assert again.problems == ()
    assert again.object == obj
    assert default(again.object) is again.object
    assert encode(again.object) == data
