"""Ingresses, IngressClasses and NetworkPolicies."""

import pytest

from kube.api.types.networking_v1 import Ingress, IngressClass, NetworkPolicy

META = {"name": "n", "namespace": "default", "resourceVersion": "1"}
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}
INGRESS = {
    "metadata": META,
    "spec": {
        "rules": [
            {"host": "a.io", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}}
        ]
    },
}
RULE = "spec.rules[0]"
PATH = f"{RULE}.http.paths[0]"
AT = "spec.rules.0.http.paths.0"
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
INGRESSES = {
    "sound": ({}, []),
    "default backend only": ({"spec": {"defaultBackend": BACKEND}}, []),
    "nothing": (
        {"spec": {}},
        ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
    ),
    "address as host": (
        {"spec.rules.0.host": "1.2.3.4"},
        [f'{RULE}.host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address'],
    ),
    "host": ({"spec.rules.0.host": "A"}, [f'{RULE}.host: Invalid value: "A": {SUBDOMAIN}']),
    "wildcard": ({"spec.rules.0.host": "*.a.io"}, []),
    "no paths": ({"spec.rules.0.http.paths": []}, [f"{RULE}.http.paths: Required value"]),
    "no path type": (
        {f"{AT}.pathType": None},
        [f"{PATH}.pathType: Required value: pathType must be specified"],
    ),
    "path type": (
        {f"{AT}.pathType": "Regex"},
        [
            (
                f'{PATH}.pathType: Unsupported value: "Regex": '
                'supported values: "Exact", "ImplementationSpecific", "Prefix"'
            )
        ],
    ),
    "relative path": (
        {f"{AT}.path": "a"},
        [f'{PATH}.path: Invalid value: "a": must be an absolute path'],
    ),
    "any path": ({f"{AT}.pathType": "ImplementationSpecific", f"{AT}.path": ""}, []),
    "path": (
        {f"{AT}.path": "/a//%2f/.."},
        [
            f"{PATH}.path: Invalid value: \"/a//%2f/..\": must not contain '//'",
            f"{PATH}.path: Invalid value: \"/a//%2f/..\": must not contain '%2f'",
            f"{PATH}.path: Invalid value: \"/a//%2f/..\": cannot end with '/..'",
        ],
    ),
    "no backend": (
        {f"{AT}.backend": {}},
        [f'{PATH}.backend: Invalid value: "": resource or service backend is required'],
    ),
    "two backends": (
        {f"{AT}.backend.resource": {"kind": "K", "name": "n"}},
        [f'{PATH}.backend: Invalid value: "": cannot set both resource and service backends'],
    ),
    "resource": (
        {f"{AT}.backend": {"resource": {"apiGroup": "G", "kind": "", "name": "a/b"}}},
        [
            f'{PATH}.backend.resource.apiGroup: Invalid value: "G": {SUBDOMAIN}',
            f"{PATH}.backend.resource.kind: Required value: kind is required",
            f"{PATH}.backend.resource.name: Invalid value: \"a/b\": may not contain '/'",
        ],
    ),
    "ports": (
        {f"{AT}.backend.service.port": {"name": "x", "number": 1}},
        [f'{PATH}.backend: Invalid value: "": cannot set both port name & port number'],
    ),
    "no port": (
        {f"{AT}.backend.service.port": {}},
        [f"{PATH}.backend: Required value: port name or number is required"],
    ),
    "port number": (
        {f"{AT}.backend.service": {"name": "", "port": {"number": 65536}}},
        [
            f"{PATH}.backend.service.name: Required value",
            f"{PATH}.backend.service.port.number: Invalid value: 65536: must be between 1 and 65535, inclusive",
        ],
    ),
    "tls": (
        {"spec.tls": [{"hosts": ["*", "b.io"], "secretName": "S"}]},
        [
            (
                "spec.tls[0].hosts[0]: Invalid value: \"*\": a wildcard DNS-1123 subdomain must start with '*.', followed "
                "by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end "
                "with an alphanumeric character (e.g. '*.example.com', regex used for validation is "
                "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ),
            f'spec.tls[0].secretName: Invalid value: "S": {SUBDOMAIN}',
        ],
    ),
    "class twice": (
        {"spec.ingressClassName": "c", "metadata.annotations": {"kubernetes.io/ingress.class": "c"}},
        [
            (
                'annotations.kubernetes.io/ingress.class: Invalid value: "c": '
                "can not be set when the class field is also set"
            )
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), INGRESSES.values(), ids=INGRESSES)
def test_ingresses(changes, expected, faults):
    assert faults(Ingress, INGRESS, changes) == expected


WILD = {"spec.rules.0.host": "*.a.io", f"{AT}.backend": {}}
UPDATES = {
    "class twice": (
        {},
        {"spec.ingressClassName": "c", "metadata.annotations": {"kubernetes.io/ingress.class": "c"}},
        [],
    ),
    "stored wildcard rules": (WILD, WILD, []),
    "new wildcard rules": (
        {},
        WILD,
        [f'{PATH}.backend: Invalid value: "": resource or service backend is required'],
    ),
    "stored secret name": ({"spec.tls": [{"secretName": "S"}]}, {"spec.tls": [{"secretName": "T"}]}, []),
}


@pytest.mark.parametrize(("before", "after", "expected"), UPDATES.values(), ids=UPDATES)
def test_updates_of_ingresses(before, after, expected, update_faults):
    assert update_faults(Ingress, INGRESS, before, after) == expected


def test_status_of_ingresses(update_faults):
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "x"}, {"hostname": "1.2.3.4"}]}}}
    assert update_faults(Ingress, INGRESS, {}, status, "status") == [
        (
            'status.loadBalancer.ingress[0].ip: Invalid value: "x": '
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        ),
        (
            'status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": '
            "must be a DNS name, not an IP address"
        ),
    ]


CLASS = {
    "metadata": {"name": "c", "resourceVersion": "1"},
    "spec": {"controller": "a.io/b", "parameters": {"kind": "K", "name": "n"}},
}
CLASSES = {
    "sound": ({}, []),
    "no controller": ({"spec.controller": ""}, ["spec.controller: Required value"]),
    "controller": (
        {"spec.controller": "b"},
        ['spec.controller: Invalid value: "b": must be a domain-prefixed path (such as "acme.io/foo")'],
    ),
    "long controller": (
        {"spec.controller": f"a.io/{'b' * 250}"},
        ["spec.controller: Too long: may not be more than 250 bytes"],
    ),
    "scope": (
        {"spec.parameters.scope": "World"},
        ['spec.parameters.scope: Unsupported value: "World": supported values: "Cluster", "Namespace"'],
    ),
    "cluster with a namespace": (
        {"spec.parameters.namespace": "n"},
        ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    ),
    "namespace without one": (
        {"spec.parameters.scope": "Namespace"},
        ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CLASSES.values(), ids=CLASSES)
def test_ingress_classes(changes, expected, faults):
    assert faults(IngressClass, CLASS, changes) == expected


def test_the_controller_of_a_class_is_immutable(update_faults):
    found = update_faults(IngressClass, CLASS, {}, {"spec.controller": "a.io/c"})
    assert found == ['spec.controller: Invalid value: "a.io/c": field is immutable']


POLICY = {"metadata": META, "spec": {"podSelector": {}}}


def ports(*ports):
    return {"spec.ingress": [{"ports": list(ports)}]}


def peers(*peers):
    return {"spec.egress": [{"to": list(peers)}]}


TO = "spec.egress[0].to"
CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
POLICIES = {
    "sound": (
        {**ports({"port": 80, "endPort": 90}), **peers({"podSelector": {}, "namespaceSelector": {}})},
        [],
    ),
    "protocol": (
        ports({"protocol": "ICMP"}),
        [
            'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"'
        ],
    ),
    "end ports": (
        ports({"port": 90, "endPort": 80}, {"port": "http", "endPort": 80}, {"endPort": 80}),
        [
            "spec.ingress[0].ports[0].endPort: Invalid value: 90: must be greater than or equal to `port`",
            "spec.ingress[0].ports[1].endPort: Invalid value: 80: may not be specified when `port` is non-numeric",
            "spec.ingress[0].ports[2].endPort: Invalid value: 80: may not be specified when `port` is not specified",
        ],
    ),
    "ports": (
        ports({"port": 0}, {"port": "-a"}),
        [
            "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            'spec.ingress[0].ports[1].port: Invalid value: "-a": must not begin or end with a hyphen',
        ],
    ),
    "peers": (
        peers({}, {"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": ""}}),
        [
            f"{TO}[0]: Required value: must specify a peer",
            f"{TO}[1]: Forbidden: may not specify both ipBlock and another peer",
            f"{TO}[2].ipBlock.cidr: Required value",
        ],
    ),
    "blocks": (
        peers(
            {"ipBlock": {"cidr": "x", "except": ["y"]}},
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "11.0.0.0/16", "10.0.0.0/8", "z"]}},
        ),
        [
            f'{TO}[0].ipBlock.cidr: Invalid value: "x": {CIDR}',
            f'{TO}[1].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
            f'{TO}[1].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
            f'{TO}[1].ipBlock.except[3]: Invalid value: "z": {CIDR}',
        ],
    ),
    "policy type": (
        {"spec.policyTypes": ["Both"]},
        ['spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"'],
    ),
    "policy types": (
        {"spec.policyTypes": ["Ingress", "Egress", "Ingress"]},
        [
            (
                'spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: '
                "may not specify more than two policyTypes"
            )
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), POLICIES.values(), ids=POLICIES)
def test_network_policies(changes, expected, faults, update_faults):
    assert faults(NetworkPolicy, POLICY, changes) == expected
    assert update_faults(NetworkPolicy, POLICY, {}, changes) == expected
