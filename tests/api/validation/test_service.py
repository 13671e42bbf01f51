import pytest

from kube.api.types.core_v1 import Service
from kube.api.validation import validate

SERVICE = {
    "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1"},
    "spec": {
        "selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80}],
        "clusterIP": "10.0.0.1",
        "clusterIPs": ["10.0.0.1"],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
    },
}
BALANCER = {"spec.type": "LoadBalancer"}
EXTERNAL = {
    "spec": {"type": "ExternalName", "externalName": "example.com"},
}
NONE = {"spec.clusterIP": "None", "spec.clusterIPs": ["None"]}
CASES = {
    "sound": ({}, []),
    "name may begin with a digit": ({"metadata.name": "1web"}, []),
    "name without dots": (
        {"metadata.name": "a.b"},
        ['metadata.name: Invalid value: "a.b": must not contain dots'],
    ),
    "no ports": ({"spec.ports": []}, ["spec.ports: Required value"]),
    "headless without ports": ({**NONE, "spec.ports": []}, []),
    "headless node port": (
        {**NONE, "spec.type": "NodePort"},
        ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
    ),
    "ports": (
        {
            "spec.ports": [
                {"port": 0, "targetPort": "a_b"},
                {"name": "http", "port": 80, "protocol": "ICMP", "appProtocol": "a b"},
                {"name": "http", "port": 81, "nodePort": 30000},
            ]
        },
        [
            "spec.ports[0].name: Required value",
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            (
                'spec.ports[0].targetPort: Invalid value: "a_b": must contain only alpha-numeric characters (a-z, 0-9), and'
                " hyphens (-)"
            ),
            'spec.ports[1].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
            'spec.ports[1].appProtocol: Invalid value: "a b": name part must consist of',
            'spec.ports[2].name: Duplicate value: "http"',
            "spec.ports[2].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ],
    ),
    "the same port twice": (
        {"spec.ports.1": {"name": "b", "port": 80}},
        [
            (
                'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,'
                '"NodePort":0}'
            )
        ],
    ),
    "one port over two protocols": (
        {"spec.ports.1": {"name": "b", "port": 80, "protocol": "UDP"}},
        [],
    ),
    "the same node port twice": (
        {
            "spec.type": "NodePort",
            "spec.ports": [
                {"name": "a", "port": 80, "nodePort": 30000},
                {"name": "b", "port": 81, "nodePort": 30000},
            ],
        },
        ["spec.ports[1].nodePort: Duplicate value: 30000"],
    ),
    "type": (
        {"spec.type": "Pod"},
        [
            (
                'spec.type: Unsupported value: "Pod": supported values: "ClusterIP", "ExternalName", "LoadBalancer",'
                ' "NodePort"'
            )
        ],
    ),
    "session affinity": (
        {"spec.sessionAffinity": "Cookie"},
        ['spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"'],
    ),
    "affinity timeout": (
        {
            "spec.sessionAffinity": "ClientIP",
            "spec.sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86401}},
        },
        [
            (
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less"
                " than 86400"
            )
        ],
    ),
    "external name": (EXTERNAL, []),
    "external name with addresses": (
        {"spec.type": "ExternalName"},
        [
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
            "spec.ipFamilies: Forbidden: may not be set for ExternalName services",
            "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services",
            "spec.externalName: Required value",
        ],
    ),
    "cluster IPs out of step": (
        {"spec.clusterIP": "10.0.0.2"},
        ['spec.clusterIPs: Invalid value: ["10.0.0.1"]: first value must match `clusterIP`'],
    ),
    "cluster IPs without cluster IP": (
        {"spec.clusterIP": ""},
        ['spec.clusterIPs: Invalid value: ["10.0.0.1"]: must be empty when `clusterIP` is not specified'],
    ),
    "families": (
        {"spec.ipFamilies": ["IPv6", "IPv6", "IPv5"], "spec.ipFamilyPolicy": "Dual"},
        [
            'spec.ipFamilies[1]: Duplicate value: "IPv6"',
            'spec.ipFamilies[2]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
            (
                'spec.ipFamilyPolicy: Unsupported value: "Dual": supported values: "PreferDualStack", "RequireDualStack",'
                ' "SingleStack"'
            ),
            'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
        ],
    ),
    "one family twice": (
        {"spec.clusterIPs": ["10.0.0.1", "10.0.0.2"]},
        [
            'spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family'
        ],
    ),
    "dual stack": (
        {"spec.clusterIPs": ["10.0.0.1", "fd00::1"], "spec.ipFamilies": ["IPv4", "IPv6"]},
        [],
    ),
    "external IPs": (
        {"spec.externalIPs": ["x", "127.0.0.1", "169.254.1.1", "0.0.0.0", "224.0.0.1", "192.0.2.1"]},
        [
            'spec.externalIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
            'spec.externalIPs[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
            (
                'spec.externalIPs[2]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16,'
                " fe80::/10)"
            ),
            'spec.externalIPs[3]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
            (
                'spec.externalIPs[4]: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24,'
                " ff02::/10)"
            ),
        ],
    ),
    "load balancer": (
        {
            **BALANCER,
            "spec.loadBalancerSourceRanges": [" 10.0.0.0/8 ", "10.0.0.1/8"],
            "spec.loadBalancerClass": "a b",
            "spec.healthCheckNodePort": 1,
        },
        [
            (
                'spec.LoadBalancerSourceRanges[1]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix'
                " length"
            ),
            'spec.loadBalancerClass: Invalid value: "a b": name part must consist of',
            (
                "spec.healthCheckNodePort: Invalid value: 1: may only be set when `type` is 'LoadBalancer' and"
                " `externalTrafficPolicy` is 'Local'"
            ),
        ],
    ),
    "local traffic needs a health check port": (
        {**BALANCER, "spec.externalTrafficPolicy": "Local"},
        ["spec.healthCheckNodePort: Required value"],
    ),
    "fields of load balancers": (
        {
            "spec.loadBalancerSourceRanges": ["10.0.0.0/8"],
            "spec.allocateLoadBalancerNodePorts": True,
            "spec.loadBalancerClass": "a/b",
            "spec.externalTrafficPolicy": "Local",
        },
        [
            "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
            'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        ],
    ),
    "source ranges by annotation": (
        {"metadata.annotations": {"service.beta.kubernetes.io/load-balancer-source-ranges": "10.0.0.0/8, x"}},
        [
            (
                "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: may only be used"
                " when `type` is 'LoadBalancer'"
            ),
            (
                "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "
                '"x": must be a valid CIDR value'
            ),
        ],
    ),
    "cluster IP alone": ({"spec.clusterIPs": []}, ["spec.clusterIPs: Required value"]),
    "none and more": (
        {"spec.clusterIP": "None", "spec.clusterIPs": ["None", "10.0.0.1", "10.0.0.2"]},
        [
            'spec.clusterIPs: Invalid value: ["None","10.0.0.1","10.0.0.2"]: \'None\' must be the first and only value',
            'spec.clusterIPs: Invalid value: ["None","10.0.0.1","10.0.0.2"]: may only hold up to 2 values',
        ],
    ),
    "traffic": (
        {"spec.internalTrafficPolicy": "Remote", "spec.trafficDistribution": "Near"},
        [
            'spec.internalTrafficPolicy: Unsupported value: "Remote": supported values: "Cluster", "Local"',
            (
                'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameNode",'
                ' "PreferSameZone"'
            ),
        ],
    ),
    "topology annotations": (
        {
            "metadata.annotations": {
                "service.kubernetes.io/topology-mode": "Auto",
                "service.kubernetes.io/topology-aware-hints": "Disabled",
            }
        },
        [
            (
                'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "Auto": must match'
                " annotations[service.kubernetes.io/topology-aware-hints] when both are specified"
            )
        ],
    ),
}


def assert_starts(errors, expected):
    assert len(errors) == len(expected), errors
    for error, start in zip(errors, expected, strict=True):
        assert error.startswith(start)


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_create(faults, changes, expected):
    assert_starts(faults(Service, SERVICE, changes), expected)


DUAL = {
    "spec.clusterIPs": ["10.0.0.1", "fd00::1"],
    "spec.ipFamilies": ["IPv4", "IPv6"],
    "spec.ipFamilyPolicy": "PreferDualStack",
}
UPDATES = {
    "selector": ({}, {"spec.selector": {"app": "other"}}, []),
    "cluster IP": (
        {},
        {"spec.clusterIP": "10.0.0.9", "spec.clusterIPs": ["10.0.0.9"]},
        ['spec.clusterIPs[0]: Invalid value: ["10.0.0.9"]: may not change once set'],
    ),
    "unset": (
        {},
        {"spec.clusterIP": "", "spec.clusterIPs": []},
        ["spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset"],
    ),
    "to dual stack": ({}, DUAL, []),
    "to single stack": (DUAL, {}, []),
    "to single stack unsaid": (
        DUAL,
        {"spec.ipFamilyPolicy": "PreferDualStack"},
        [
            (
                "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the"
                " secondary clusterIP"
            ),
            (
                "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the"
                " secondary ipFamily"
            ),
        ],
    ),
    "to external name": ({}, EXTERNAL, []),
    "another primary on the way to two": (
        {},
        {**DUAL, "spec.clusterIP": "10.0.0.9", "spec.clusterIPs": ["10.0.0.9", "fd00::1"]},
        ['spec.clusterIPs[0]: Invalid value: ["10.0.0.9","fd00::1"]: may not change once set'],
    ),
    "another family on the way to one": (
        DUAL,
        {
            "spec.clusterIP": "fd00::1",
            "spec.clusterIPs": ["fd00::1"],
            "spec.ipFamilies": ["IPv6"],
        },
        [
            'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: may not change once set',
            'spec.ipFamilies[0]: Invalid value: ["fd00::1"]: may not change once set',
        ],
    ),
    "family": (
        {},
        {"spec.ipFamilies": ["IPv6"]},
        [
            'spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set',
            'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
        ],
    ),
    "load balancer class": (
        {**BALANCER, "spec.loadBalancerClass": "a/b"},
        {**BALANCER, "spec.loadBalancerClass": "a/c"},
        ['spec.loadBalancerClass: Invalid value: "a/c": may not change once set'],
    ),
    "health check port": (
        {**BALANCER, "spec.externalTrafficPolicy": "Local", "spec.healthCheckNodePort": 30001},
        {**BALANCER, "spec.externalTrafficPolicy": "Local", "spec.healthCheckNodePort": 30002},
        ["spec.healthCheckNodePort: Forbidden: field is immutable"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), UPDATES.values(), ids=UPDATES)
def test_update(update_faults, before, after, expected):
    assert_starts(update_faults(Service, SERVICE, before, after), expected)


INGRESS = {
    "address": ([{"ip": "192.0.2.1"}], []),
    "hostname": ([{"hostname": "lb.example.com"}], []),
    "hostname that is an address": (
        [{"hostname": "192.0.2.1"}],
        [
            'status.loadBalancer.ingress[0].hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address'
        ],
    ),
    "mode": (
        [{"ip": "192.0.2.1", "ipMode": "X"}, {"hostname": "a", "ipMode": "VIP"}],
        [
            'status.loadBalancer.ingress[0].ipMode: Unsupported value: "X": supported values: "Proxy", "VIP"',
            "status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set",
        ],
    ),
}


@pytest.mark.parametrize(("ingress", "expected"), INGRESS.values(), ids=INGRESS)
def test_status_update(update_faults, ingress, expected):
    after = {**BALANCER, "status": {"loadBalancer": {"ingress": ingress}}}
    assert update_faults(Service, SERVICE, BALANCER, after, "status") == expected


def test_only_load_balancers_have_ingress(update_faults):
    after = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    assert update_faults(Service, SERVICE, {}, after, "status") == [
        "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"
    ]


def test_what_defaulting_would_have_set_is_required(build):
    bare = {
        "metadata": SERVICE["metadata"],
        "spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]},
    }
    for kind, missing in (
        ("LoadBalancer", ["allocateLoadBalancerNodePorts", "spec.externalTrafficPolicy"]),
        ("ClusterIP", []),
    ):
        service = build(Service, bare, {"spec.type": kind}, defaulted=False)
        assert [str(error) for error in validate(service)] == [
            "spec.sessionAffinity: Required value",
            *(f"{field}: Required value" for field in missing),
            "spec.internalTrafficPolicy: Required value",
        ]


@pytest.mark.parametrize(
    ("config", "field"),
    [(None, ""), ({}, ".clientIP"), ({"clientIP": {}}, ".clientIP.timeoutSeconds")],
    ids=["none", "no client IP", "no timeout"],
)
def test_client_ip_affinity_needs_a_timeout(build, config, field):
    changes = {"spec.sessionAffinity": "ClientIP", "spec.sessionAffinityConfig": config}
    service = build(Service, SERVICE, changes, defaulted=False)
    assert f"spec.sessionAffinityConfig{field}: Required value: when session affinity type is ClientIP" in [
        str(error) for error in validate(service)
    ]
