"""The rarer fields of pods: projections, security contexts, Windows, hooks, references, claims."""

import pytest

from kube.api.types.core_v1 import Pod
from kube.api.validation import validate_status_update, validate_update

POD = {
    "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1"},
    "spec": {
        "containers": [{"name": "web", "image": "nginx:1.25"}],
        "serviceAccountName": "default",
    },
}
C = "spec.containers[0]"
C0 = "spec.containers.0"
S = f"{C}.securityContext"
P = "spec.volumes[0].projected"
V0 = "spec.volumes"


def volume(**source):
    return {V0: [{"name": "v", **source}]}


def projected(*sources):
    return volume(projected={"sources": list(sources)})


def bundle(**fields):
    return projected({"clusterTrustBundle": {"path": "p", **fields}})


def certificate(**fields):
    base = {"signerName": "example.com/s", "keyType": "ED25519", "credentialBundlePath": "c"}
    return projected({"podCertificate": {**base, **fields}})


B = f"{P}.sources[0].clusterTrustBundle"
K = f"{P}.sources[0].podCertificate"
PROJECTIONS = {
    "key to path": (
        volume(secret={"secretName": "s", "items": [{"key": "k", "path": "", "mode": 1024}]}),
        [
            "spec.volumes[0].secret.items[0].path: Required value",
            "spec.volumes[0].secret.items[0].mode: Invalid value: 1024: must be a number between 0 and 0777",
        ],
    ),
    "config map": (
        volume(configMap={"name": ""}),
        ["spec.volumes[0].configMap.name: Required value"],
    ),
    "downward API": (
        volume(
            downwardAPI={
                "defaultMode": -1,
                "items": [
                    {"path": "", "mode": 512, "resourceFieldRef": {"resource": "limits.cpu"}},
                    {
                        "path": "..x",
                        "fieldRef": {"fieldPath": "metadata.name"},
                        "resourceFieldRef": {"containerName": "web", "resource": "limits.cpu"},
                    },
                ],
            }
        ),
        [
            "spec.volumes[0].downwardAPI.defaultMode: Invalid value: -1: must be a number",
            "spec.volumes[0].downwardAPI.path: Required value",
            "spec.volumes[0].downwardAPI.resourceFieldRef.containerName: Required value",
            "spec.volumes[0].downwardAPI.mode: Invalid value: 512: must be a number",
            "spec.volumes[0].downwardAPI.path: Invalid value: \"..x\": must not start with '..'",
            (
                'spec.volumes[0].downwardAPI: Invalid value: "resource": fieldRef and resourceFieldRef can not be specified'
                " simultaneously"
            ),
        ],
    ),
    "secret without a name": (
        projected({"secret": {"name": ""}}),
        [f"{P}.sources[0].secret.name: Required value"],
    ),
    "long token": (
        projected({"serviceAccountToken": {"path": "t", "expirationSeconds": 2**32 + 1}}),
        [
            (
                f"{P}.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 4294967297: may not specify a duration"
                " larger than 2^32 seconds"
            )
        ],
    ),
    "bundle by name": (bundle(name="roots"), []),
    "bundle of a signer by name": (bundle(name="example.com:s:roots"), []),
    "bundle by signer": (bundle(signerName="example.com/s", labelSelector={}), []),
    "bundle by both": (
        bundle(name="a", signerName="example.com/s"),
        [f"{B}: Invalid value: {{"],
    ),
    "bundle by a bad name": (
        bundle(name="", labelSelector={}),
        [
            f"{B}.name: Required value: must be a valid object name",
            f'{B}.name: Invalid value: "": not a valid clustertrustbundlename: a lowercase RFC 1123 subdomain',
            f"{B}.labelSelector: Invalid value: {{}}: labelSelector must be unset if name is specified",
        ],
    ),
    "bundle by a bad signer": (
        bundle(signerName="", path=""),
        [
            f"{B}.signerName: Required value: must be a valid signer name",
            f"{B}.signerName: Required value",
            f"{B}.path: Required value",
        ],
    ),
    "certificate": (certificate(maxExpirationSeconds=3600), []),
    "certificate for too short and of no kind": (
        certificate(keyType="DSA", maxExpirationSeconds=60, credentialBundlePath=""),
        [
            (
                f'{K}.keyType: Unsupported value: "DSA": supported values: "RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384",'
                ' "ECDSAP521", "ED25519"'
            ),
            f"{K}.maxExpirationSeconds: Invalid value: 60: if provided, maxExpirationSeconds must be >= 3600",
            f"{K}: Required value: specify at least one of credentialBundlePath, keyPath, and certificateChainPath",
        ],
    ),
    "certificate of Kubernetes for too long": (
        certificate(signerName="kubernetes.io/s", maxExpirationSeconds=86401, keyPath="c"),
        [
            f"{K}.maxExpirationSeconds: Invalid value: 86401: if provided, maxExpirationSeconds must be <= 86400",
            f'{P}: Invalid value: "c": conflicting duplicate paths',
        ],
    ),
    "signer without a path": (
        certificate(signerName="example.com"),
        [
            f'{K}.signerName: Invalid value: "example.com": must be a fully qualified domain and path of the form'
        ],
    ),
    "signer with bad labels": (
        certificate(signerName="Example/S_"),
        [
            f'{K}.signerName: Invalid value: "Example": validating label "Example": a lowercase RFC 1123 label',
            f'{K}.signerName: Invalid value: "Example": should be a domain with at least two segments separated by dots',
            f'{K}.signerName: Invalid value: "S_": validating label "S_": a lowercase RFC 1123 subdomain',
        ],
    ),
}
SOURCES = {
    "git": (
        volume(gitRepo={"repository": "", "directory": "/x"}),
        [
            "spec.volumes[0].gitRepo.repository: Required value",
            'spec.volumes[0].gitRepo.directory: Invalid value: "/x": must be a relative path',
        ],
    ),
    "iscsi with an initiator": (
        volume(
            iscsi={
                "targetPortal": "p" * 64,
                "iqn": "iqn.2001-04.com.example:x",
                "initiatorName": "naa.1",
                "lun": 0,
            }
        ),
        [
            'spec.volumes[0].iscsi.initiatorname: Invalid value: "naa.1": must be valid format',
            'spec.volumes[0].name: Invalid value: "v": Total length of <volume name>:<iscsi.targetPortal> must be under 64',
        ],
    ),
    "iscsi of no form": (
        volume(iscsi={"targetPortal": "p", "iqn": "x", "lun": 0}),
        [
            'spec.volumes[0].iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa'
        ],
    ),
    "fibre channel of nothing": (
        volume(fc={"lun": 1}),
        [
            "spec.volumes[0].fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both"
        ],
    ),
    "flocker of nothing": (
        volume(flocker={}),
        ["spec.volumes[0].flocker: Required value: one of datasetName and datasetUUID is required"],
    ),
    "cinder": (
        volume(cinder={"volumeID": "", "secretRef": {}}),
        [
            "spec.volumes[0].cinder.volumeID: Required value",
            "spec.volumes[0].cinder.secretRef.name: Required value",
        ],
    ),
    "storageos": (
        volume(storageos={"volumeName": "A", "volumeNamespace": "B"}),
        [
            'spec.volumes[0].storageos.volumeName: Invalid value: "A": a lowercase RFC 1123 label',
            'spec.volumes[0].storageos.volumeNamespace: Invalid value: "B": a lowercase RFC 1123 label',
        ],
    ),
    "nameless storageos": (
        volume(storageos={}),
        ["spec.volumes[0].storageos.volumeName: Required value"],
    ),
    "ceph": (
        volume(cephfs={"monitors": []}, rbd={"monitors": [], "image": ""}),
        [
            "spec.volumes[0].rbd.monitors: Required value",
            "spec.volumes[0].rbd.image: Required value",
            "spec.volumes[0].cephFS: Forbidden: may not specify more than 1 volume type",
        ],
    ),
    "azure": (
        volume(azureDisk={"diskName": "", "diskURI": "", "kind": "Shared"}),
        [
            "spec.volumes[0].azureDisk.diskName: Required value",
            "spec.volumes[0].azureDisk.diskURI: Required value",
            'spec.volumes[0].azureDisk.diskURI: Unsupported value: "": supported values: "https://{account-name}',
        ],
    ),
    "azure file": (
        volume(azureFile={"secretName": "", "shareName": "s"}),
        ["spec.volumes[0].azureFile.secretName: Required value"],
    ),
    "aws": (
        volume(awsElasticBlockStore={"volumeID": ""}),
        ["spec.volumes[0].awsElasticBlockStore.volumeID: Required value"],
    ),
    "csi secret": (
        volume(csi={"driver": "d", "nodePublishSecretRef": {"name": ""}}),
        ["spec.volumes[0].csi.nodePublishSecretRef.name: Required value"],
    ),
    "csi secret's name": (
        volume(csi={"driver": "d", "nodePublishSecretRef": {"name": "S"}}),
        ['spec.volumes[0].csi.name: Invalid value: "S": a lowercase RFC 1123 subdomain'],
    ),
    "quobyte": (
        volume(quobyte={"registry": "", "volume": ""}),
        [
            "spec.volumes[0].quobyte.registry: Required value: must be a host:port pair",
            "spec.volumes[0].quobyte.volume: Required value",
        ],
    ),
    "quobyte's tenant": (
        volume(quobyte={"registry": "h:1", "volume": "v", "tenant": "t" * 65}),
        ["spec.volumes[0].quobyte.tenant: Required value: must be a UUID"],
    ),
    "ephemeral without a template": (
        volume(ephemeral={}),
        ["spec.volumes[0].ephemeral.volumeClaimTemplate: Required value"],
    ),
    "ephemeral with a long name": (
        {
            "metadata.name": "a" * 253,
            **volume(
                ephemeral={
                    "volumeClaimTemplate": {
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "1Gi"}},
                        }
                    }
                }
            ),
        },
        [f'spec.volumes[0].name: Invalid value: "v": PVC name "{"a" * 253}-v": must be no more than 253'],
    ),
}
SECURITY = {
    "ids": (
        {
            f"{C0}.securityContext": {"runAsGroup": -1, "procMount": "Bare"},
            "spec.securityContext": {
                "supplementalGroups": [-1],
                "runAsGroup": 2**32,
                "seLinuxChangePolicy": "X",
            },
        },
        [
            f"{S}.runAsGroup: Invalid value: -1: must be between 0 and 4294967295, inclusive",
            f'{S}.procMount: Unsupported value: "Bare": supported values: "Default", "Unmasked"',
            "spec.securityContext.runAsGroup: Invalid value: 4294967296: must be between",
            "spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between",
            (
                'spec.securityContext.seLinuxChangePolicy: Unsupported value: "X": supported values: "MountOption",'
                ' "Recursive"'
            ),
        ],
    ),
    "unmasked in a user namespace": (
        {"spec.hostUsers": False, f"{C0}.securityContext": {"procMount": "Unmasked"}},
        [],
    ),
    "sysctls": (
        {
            "spec.hostIPC": True,
            "spec.securityContext": {
                "sysctls": [
                    {"name": "", "value": ""},
                    {"name": "kernel/sem", "value": "1"},
                    {"name": "kernel.hostname", "value": "h"},
                    {"name": "kernel.hostname", "value": "h"},
                ]
            },
        },
        [
            "spec.securityContext.sysctls[0].name: Required value",
            (
                "spec.securityContext.sysctls[1].name: Invalid value: \"kernel/sem\": may not be specified when 'hostIPC' is"
                " true"
            ),
            'spec.securityContext.sysctls[3].name: Duplicate value: "kernel.hostname"',
        ],
    ),
    "no escalation with a capability": (
        {
            f"{C0}.securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"add": ["CAP_SYS_ADMIN"]},
            }
        },
        [f"{S}: Invalid value: {{"],
    ),
    "seccomp": (
        {
            f"{C0}.securityContext": {"seccompProfile": {"type": ""}},
            "spec.securityContext": {"seccompProfile": {"type": "Odd", "localhostProfile": "p"}},
        },
        [
            f"{S}.seccompProfile.type: Required value: type is required when seccompProfile is set",
            'spec.securityContext.seccompProfile.type: Unsupported value: "Odd": supported values: "Localhost",',
            "spec.securityContext.seccompProfile.localhostProfile: Invalid value: {",
        ],
    ),
    "local seccomp": (
        {f"{C0}.securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "/p"}}},
        [f'{S}.seccompProfile.localhostProfile: Invalid value: "/p": must be a relative path'],
    ),
    "apparmor": (
        {
            f"{C0}.securityContext": {"appArmorProfile": {"type": "RuntimeDefault", "localhostProfile": "p"}},
            "spec.securityContext": {"appArmorProfile": {"type": "Odd"}},
        },
        [
            f'{S}.appArmorProfile.localhostProfile: Invalid value: "p": can only be set when AppArmor type is Localhost',
            'spec.securityContext.appArmorProfile.type: Unsupported value: "Odd": supported values: "Localhost",',
        ],
    ),
    "local apparmor": (
        {
            f"{C0}.securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": ""}},
            "spec.securityContext": {"appArmorProfile": {"type": ""}},
        },
        [
            f"{S}.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is Localhost",
            "spec.securityContext.appArmorProfile.type: Required value: type is required when appArmorProfile is set",
        ],
    ),
    "long apparmor": (
        {f"{C0}.securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "p" * 4096}}},
        [f"{S}.appArmorProfile.localhostProfile: Too long: may not be more than 4095 bytes"],
    ),
    "seccomp annotations": (
        {
            "metadata.annotations": {
                "seccomp.security.alpha.kubernetes.io/pod": "odd",
                "container.seccomp.security.alpha.kubernetes.io/web": "localhost//p",
            }
        },
        [
            (
                'metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "odd": must be a valid seccomp'
                " profile"
            ),
            (
                'metadata.annotations.container.seccomp.security.alpha.kubernetes.io/web: Invalid value: "/p": must be a'
                " relative path"
            ),
        ],
    ),
    "seccomp annotations and fields": (
        {
            "metadata.annotations": {
                "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
                "container.seccomp.security.alpha.kubernetes.io/web": "localhost/a",
            },
            "spec.securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            f"{C0}.securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "b"}},
        },
        [
            "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match",
            f"{S}.seccompProfile.localhostProfile: Forbidden: seccomp profile in annotation and field must match",
        ],
    ),
    "apparmor annotation and the pod's field": (
        {
            "metadata.annotations": {"container.apparmor.security.beta.kubernetes.io/web": "runtime/default"},
            "spec.securityContext": {"appArmorProfile": {"type": "Unconfined"}},
        },
        [f"{S}.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match"],
    ),
    "annotations on windows": (
        {
            "spec.os": {"name": "windows"},
            "metadata.annotations": {"container.apparmor.security.beta.kubernetes.io/web": "runtime/default"},
        },
        [],
    ),
}
W = "spec.securityContext.windowsOptions"


def windows(**options):
    return {"spec.securityContext": {"windowsOptions": options}}


WINDOWS = {
    "credentials": (
        windows(gmsaCredentialSpecName="A", gmsaCredentialSpec=""),
        [
            f'{W}.gmsaCredentialSpecName: Invalid value: "A": a lowercase RFC 1123 subdomain',
            f'{W}.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string',
        ],
    ),
    "large credentials": (
        windows(gmsaCredentialSpec="x" * (64 * 1024 + 1)),
        [f'{W}.gmsaCredentialSpec: Invalid value: "xxx'],
    ),
    "user": (windows(runAsUserName="DOMAIN\\me"), []),
    "no user": (
        windows(runAsUserName=""),
        [f'{W}.runAsUserName: Invalid value: "": runAsUserName cannot be an empty string'],
    ),
    "control character": (
        windows(runAsUserName="a\tb"),
        [f'{W}.runAsUserName: Invalid value: "a\\tb": runAsUserName cannot contain control characters'],
    ),
    "domain and user": (
        windows(runAsUserName=".d\\.."),
        [
            (
                f"{W}.runAsUserName: Invalid value: \".d\\\\..\": runAsUserName's Domain doesn't match the NetBios nor the DNS"
                " format"
            ),
            f'{W}.runAsUserName: Invalid value: ".d\\\\..": runAsUserName\'s User cannot contain only periods or spaces',
        ],
    ),
    "linux": (
        {
            "spec.os": {"name": "linux"},
            **windows(hostProcess=False),
            f"{C0}.securityContext": {"windowsOptions": {}},
        },
        [
            f"{W}: Forbidden: windows options cannot be set for a linux pod",
            f"{S}.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
        ],
    ),
    "nameless": ({"spec.os": {"name": ""}}, ["spec.os.name: Required value: cannot be empty"]),
    "shared processes": (
        {"spec.os": {"name": "windows"}, "spec.shareProcessNamespace": True},
        ["spec.shareProcessNamespace: Forbidden: cannot be set for a windows pod"],
    ),
    "only some host processes": (
        {
            **windows(hostProcess=True),
            "spec.hostNetwork": True,
            f"{C0}.securityContext": {"windowsOptions": {"hostProcess": False}},
            "spec.containers.1": {"name": "b", "image": "b"},
        },
        [
            (
                f"{S}.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are"
                " specified, was true"
            ),
            (
                'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess'
                " containers"
            ),
        ],
    ),
}
HOOKS = {
    "two actions": (
        {
            f"{C0}.livenessProbe": {
                "exec": {"command": ["a"]},
                "httpGet": {"port": 1},
                "tcpSocket": {"port": 1},
            },
            f"{C0}.lifecycle": {
                "postStart": {"tcpSocket": {"port": 1}, "sleep": {"seconds": 1}},
                "preStop": {"httpGet": {"port": 1, "scheme": "ftp", "httpHeaders": [{"name": "a b"}]}},
            },
        },
        [
            f"{C}.lifecycle.postStart.sleep: Forbidden: may not specify more than 1 handler type",
            f'{C}.lifecycle.preStop.httpGet.scheme: Unsupported value: "ftp": supported values: "HTTP", "HTTPS"',
            f'{C}.lifecycle.preStop.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of',
            f"{C}.livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type",
            f"{C}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        ],
    ),
    "grace of a probe": (
        {f"{C0}.startupProbe": {"grpc": {"port": 0}, "terminationGracePeriodSeconds": 0}},
        [
            f"{C}.startupProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            f"{C}.startupProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
        ],
    ),
    "signals of linux": (
        {"spec.os": {"name": "linux"}, f"{C0}.lifecycle": {"stopSignal": "SIGRTMIN+15"}},
        [],
    ),
    "no signal": (
        {"spec.os": {"name": "linux"}, f"{C0}.lifecycle": {"stopSignal": "SIGNOT"}},
        [f'{C}.lifecycle.stopSignal: Unsupported value: "SIGNOT": supported values: "SIGABRT", "SIGALRM"'],
    ),
    "signals of windows": (
        {"spec.os": {"name": "windows"}, f"{C0}.lifecycle": {"stopSignal": "SIGHUP"}},
        [f'{C}.lifecycle.stopSignal: Unsupported value: "SIGHUP": supported values: "SIGKILL", "SIGTERM"'],
    ),
}


def env(**source):
    return {f"{C0}.env": [{"name": "A", "valueFrom": source}]}


E = f"{C}.env[0].valueFrom"
REFERENCES = {
    "no field": (env(fieldRef={"fieldPath": ""}), [f"{E}.fieldRef.fieldPath: Required value"]),
    "version": (
        env(fieldRef={"apiVersion": "v2", "fieldPath": "metadata.name"}),
        [
            (
                f'{E}.fieldRef.fieldPath: Invalid value: "metadata.name": error converting fieldPath: unsupported pod version:'
                " v2"
            )
        ],
    ),
    "subscript of a field without": (
        env(fieldRef={"fieldPath": "metadata.name['a']"}),
        [
            (
                f"{E}.fieldRef.fieldPath: Invalid value: \"metadata.name['a']\": error converting fieldPath: field label does"
                " not support subscript: metadata.name['a']"
            )
        ],
    ),
    "annotation in capitals": (env(fieldRef={"fieldPath": "metadata.annotations['A.io/B']"}), []),
    "bad label": (
        env(fieldRef={"fieldPath": "metadata.labels['a b']"}),
        [f'{E}.fieldRef: Invalid value: "a b": name part must consist of'],
    ),
    "the old name of the node": (
        env(fieldRef={"fieldPath": "spec.host"}),
        [],
    ),
    "no resource": (
        env(resourceFieldRef={"resource": ""}),
        [f"{E}.resourceFieldRef.resource: Required value"],
    ),
    "divisors of bytes": (
        {
            f"{C0}.env": [
                {
                    "name": "A",
                    "valueFrom": {"resourceFieldRef": {"resource": resource, "divisor": "2"}},
                }
                for resource in ("limits.memory", "requests.ephemeral-storage", "limits.hugepages-2Mi")
            ]
        },
        [
            f'{C}.env[{i}].valueFrom.resourceFieldRef.divisor: Invalid value: "{resource}": only divisor\'s values 1, 1k,'
            f" 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the {of} resource"
            for i, (resource, of) in enumerate(
                (
                    ("limits.memory", "memory"),
                    ("requests.ephemeral-storage", "local ephemeral storage"),
                    ("limits.hugepages-2Mi", "hugepages"),
                )
            )
        ],
    ),
    "key of a config map": (
        env(configMapKeyRef={"name": "A", "key": "a/b"}),
        [
            f'{E}.configMapKeyRef.name: Invalid value: "A": a lowercase RFC 1123 subdomain',
            f'{E}.configMapKeyRef.key: Invalid value: "a/b": a valid config key',
        ],
    ),
    "file": (
        env(fileKeyRef={"volumeName": "", "path": "", "key": ""}),
        [
            f"{E}.fileKeyRef.key: Required value",
            f"{E}.fileKeyRef.volumeName: Required value",
            f"{E}.fileKeyRef.path: Required value",
        ],
    ),
    "file above": (
        env(fileKeyRef={"volumeName": "v", "path": "../x", "key": "="}),
        [
            f'{E}.fileKeyRef.key: Invalid value: "=": a valid environment variable name',
            f"{E}.fileKeyRef.path: Invalid value: \"../x\": must not contain '..'",
        ],
    ),
    "two sources": (
        env(secretKeyRef={"name": "s", "key": "k"}, configMapKeyRef={"name": "c", "key": "k"}),
        [f'{E}: Invalid value: "": may not have more than one field specified at a time'],
    ),
    "envFrom": (
        {f"{C0}.envFrom": [{"configMapRef": {"name": "C"}, "secretRef": {"name": "s"}}]},
        [
            f'{C}.envFrom[0].configMapRef.name: Invalid value: "C": a lowercase RFC 1123 subdomain',
            f'{C}.envFrom: Invalid value: "": may not have more than one field specified at a time',
        ],
    ),
    "claims": (
        {
            "spec.resourceClaims": [
                {"name": "a", "resourceClaimName": "x"},
                {"name": "b", "resourceClaimName": "x", "resourceClaimTemplateName": "T"},
                {"name": ""},
            ],
            f"{C0}.resources": {
                "claims": [
                    {"name": "a", "request": "r"},
                    {"name": "a", "request": "r"},
                    {"name": "a"},
                    {"name": "a"},
                    {"name": "c"},
                ]
            },
        },
        [
            "spec.resourceClaims[1]: Invalid value: {",
            'spec.resourceClaims[1].resourceClaimTemplateName: Invalid value: "T": a lowercase RFC 1123 subdomain',
            "spec.resourceClaims[2].name: Required value",
            "spec.resourceClaims[2]: Invalid value: {",
            f'{C}.resources.claims[1]: Duplicate value: "a/r"',
            f'{C}.resources.claims[2]: Duplicate value: "a"',
            f'{C}.resources.claims[3]: Duplicate value: "a"',
            f'{C}.resources.claims[4]: Not found: "c": must be one of the names in pod.spec.resourceClaims: a, b',
        ],
    ),
    "dns": (
        {
            "spec.dnsConfig": {
                "nameservers": ["1.1.1.1"] * 4,
                "searches": ["a" * 70] * 33,
            }
        },
        [
            (
                'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.1","1.1.1.1","1.1.1.1"]: must not have more than'
                " 3 nameservers"
            ),
            "spec.dnsConfig.searches: Invalid value: [",
            "spec.dnsConfig.searches: Invalid value: [",
        ],
    ),
    "no nameserver": (
        {"spec.dnsPolicy": "None", "spec.dnsConfig": {}},
        ["spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when"],
    ),
    "hostname override": (
        {
            "spec.hostnameOverride": "Host" * 20,
            "spec.setHostnameAsFQDN": True,
            "spec.hostNetwork": True,
        },
        [
            'spec.hostnameOverride: Invalid value: "HostHost',
            "spec.hostnameOverride: Too long: may not be more than 64 bytes",
            "spec.hostnameOverride: Forbidden: may not be specified when `setHostnameAsFQDN` is true",
            "spec.hostnameOverride: Forbidden: may not be specified when `hostNetwork` is true",
        ],
    ),
    "empty hostname override": (
        {"spec.hostnameOverride": ""},
        ["spec.hostnameOverride: Required value: must not be empty when set"],
    ),
    "mount propagation": (
        {
            **volume(emptyDir={}),
            f"{C0}.volumeMounts": [
                {"name": "v", "mountPath": "/a", "mountPropagation": "Up"},
                {
                    "name": "v",
                    "mountPath": "/b",
                    "readOnly": True,
                    "recursiveReadOnly": "IfPossible",
                    "mountPropagation": "HostToContainer",
                },
                {"name": "v", "mountPath": "/c", "recursiveReadOnly": "Maybe"},
            ],
        },
        [
            f'{C}.volumeMounts.mountPropagation: Unsupported value: "Up": supported values: "Bidirectional",',
            (
                f"{C}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not"
                " specified"
            ),
            (
                f'{C}.volumeMounts.recursiveReadOnly: Unsupported value: "Maybe": supported values: "Disabled", "Enabled",'
                ' "IfPossible"'
            ),
        ],
    ),
    "devices twice": (
        {
            **volume(persistentVolumeClaim={"claimName": "c"}),
            f"{C0}.volumeDevices": [
                {"name": "v", "devicePath": "/dev/x"},
                {"name": "v", "devicePath": "/dev/x"},
                {"name": "", "devicePath": ""},
            ],
        },
        [
            f'{C}.volumeDevices[1].name: Invalid value: "v": must be unique',
            f'{C}.volumeDevices[1].devicePath: Invalid value: "/dev/x": must be unique',
            f"{C}.volumeDevices[2].name: Required value",
            f'{C}.volumeDevices[2].name: Not found: ""',
            f"{C}.volumeDevices[2].devicePath: Required value",
        ],
    ),
    "restart rules": (
        {
            f"{C0}.restartPolicy": "Never",
            f"{C0}.restartPolicyRules": [
                {"action": "Restart", "exitCodes": {"operator": "In", "values": [1] * 256}}
            ]
            * 21,
        },
        [
            f"{C}.restartPolicyRules: Too many: 21: must have at most 20 items",
            *(
                f"{C}.restartPolicyRules[{i}].exitCodes.values: Too many: 256: must have at most 255 items"
                for i in range(21)
            ),
        ],
    ),
    "resize policy twice": (
        {f"{C0}.resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}] * 2},
        [f'{C}.resizePolicy[1]: Duplicate value: "cpu"'],
    ),
    "selectors of affinity": (
        {
            "spec.affinity": {
                "podAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 101,
                            "podAffinityTerm": {
                                "topologyKey": "zone",
                                "labelSelector": {
                                    "matchLabels": {"b": "c"},
                                    "matchExpressions": [
                                        {"key": "a", "operator": "Exists", "values": ["x"]},
                                        {"key": "b", "operator": "Is"},
                                    ],
                                },
                                "matchLabelKeys": ["b", "d"],
                                "mismatchLabelKeys": ["d"],
                            },
                        }
                    ]
                }
            }
        },
        [
            "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]." + rest
            for rest in (
                "weight: Invalid value: 101: must be in the range 1-100",
                "podAffinityTerm.labelSelector.matchExpressions[0].values: Forbidden: may not be specified when",
                'podAffinityTerm.labelSelector.matchExpressions[1].operator: Invalid value: "Is": not a valid',
                'podAffinityTerm[0]: Invalid value: "b": exists in both matchLabelKeys and labelSelector',
                'podAffinityTerm.matchLabelKeys[1]: Invalid value: "d": exists in both matchLabelKeys and mismatch',
            )
        ],
    ),
    "fields of nodes": (
        {
            "spec.affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchFields": [
                                    {"key": "metadata.name", "operator": "Exists"},
                                    {"key": "metadata.name", "operator": "In", "values": ["A", "b"]},
                                ]
                            }
                        ]
                    }
                }
            }
        },
        [
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
            + rest
            for rest in (
                'matchFields[0].operator: Invalid value: "Exists": not a valid selector operator',
                "matchFields[1].values: Required value: must be only one value when `operator` is 'In' or 'NotIn' for",
                'matchFields[1].values[0]: Invalid value: "A": a lowercase RFC 1123 subdomain',
            )
        ],
    ),
    "spreading": (
        {
            "spec.topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "z",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "minDomains": 0,
                    "matchLabelKeys": ["a b"],
                }
            ]
        },
        [
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is",
            'spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: "a b": name part must consist of',
        ],
    ),
    "values of tolerations": (
        {
            "spec.tolerations": [
                {"key": "a b", "operator": "Exists"},
                {"key": "a", "value": "v v"},
                {"key": "a", "operator": "Lt", "value": "x"},
            ]
        },
        [
            'spec.tolerations[0].key: Invalid value: "a b": name part must consist of',
            'spec.tolerations[1].operator: Invalid value: "v v": a valid label must be an empty string',
            (
                "spec.tolerations[2].operator: Invalid value: \"x\": value must be a valid integer when `operator` is 'Lt' or"
                " 'Gt'"
            ),
        ],
    ),
    "claims at pod level": (
        {
            "spec.resourceClaims": [{"name": "a", "resourceClaimName": "x"}],
            "spec.resources": {"claims": [{"name": "a"}], "limits": {"gpu": "1"}},
        },
        [
            "spec.resources.claims: Forbidden: claims cannot be set for Resources at pod-level",
            'spec.resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        ],
    ),
}
CASES = {
    f"{part}: {name}": case
    for part, cases in (
        ("projections", PROJECTIONS),
        ("sources", SOURCES),
        ("security", SECURITY),
        ("windows", WINDOWS),
        ("hooks", HOOKS),
        ("references", REFERENCES),
    )
    for name, case in cases.items()
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_create(faults, changes, expected):
    errors = faults(Pod, POD, changes)
    for error, start in zip(errors, expected, strict=False):
        assert error.startswith(start)
    assert len(errors) == len(expected), errors


def status(**fields):
    return {"status": {"containerStatuses": [{"name": "web", **fields}]}}


A = "status.containerStatuses[0]"
STATUSES = {
    "user": (
        status(user={"linux": {"uid": -1, "gid": 0, "supplementalGroups": [-1]}}),
        [
            f"{A}.linux.uid: Invalid value: -1: must be between 0 and 4294967295, inclusive",
            f"{A}.linux.supplementalGroups[0]: Invalid value: -1: must be between 0 and 4294967295, inclusive",
        ],
    ),
    "user on windows": (
        {"spec.os": {"name": "windows"}, **status(user={"linux": {"uid": 1, "gid": 0}})},
        [f"{A}.linux: Forbidden: cannot be set for a windows pod"],
    ),
    "resource health": (
        status(
            allocatedResourcesStatus=[
                {
                    "name": "example.com/gpu",
                    "resources": [
                        {"resourceID": "a", "health": "Healthy"},
                        {"resourceID": "a", "health": "Ill"},
                    ],
                },
                {"name": "claim:x/y"},
            ]
        ),
        [
            (
                f'{A}.allocatedResourcesStatus[0].name: Invalid value: "example.com/gpu": must match one of the container\'s'
                " resource requests"
            ),
            (
                f'{A}.allocatedResourcesStatus[0].resources[1].health: Unsupported value: "Ill": supported values: "Healthy",'
                ' "Unhealthy", "Unknown"'
            ),
            f'{A}.allocatedResourcesStatus[0].resources[1].resourceID: Duplicate value: "a"',
            (
                f'{A}.allocatedResourcesStatus[1].name: Invalid value: "claim:x/y": must match one of the container\'s'
                " resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
            ),
        ],
    ),
    "resource health of an ephemeral container": (
        {
            "status": {
                "ephemeralContainerStatuses": [{"name": "d", "allocatedResourcesStatus": [{"name": "x"}]}]
            }
        },
        [
            (
                "status.ephemeralContainerStatuses[0].allocatedResourcesStatus: Forbidden: must not be specified in container"
                " status"
            )
        ],
    ),
    "nominated node": (
        {"status.nominatedNodeName": "N"},
        [
            (
                'status.nominatedNodeName: Invalid value: "N": a lowercase RFC 1123 subdomain must consist of lower case'
                " alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g."
                r" 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            )
        ],
    ),
    "generations": (
        {"status": {"observedGeneration": -1, "conditions": [{"type": "Ready", "observedGeneration": -1}]}},
        [
            "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
            "metadata.conditions[0].observedGeneration: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    "two host addresses of one family": (
        {"status": {"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}},
        [
            (
                'status.hostIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each'
                " IP family"
            )
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), STATUSES.values(), ids=STATUSES)
def test_status(build, changes, expected):
    same = {key: value for key, value in changes.items() if key.startswith("spec")}
    errors = validate_status_update(build(Pod, POD, changes), build(Pod, POD, same))
    assert [str(error) for error in errors] == expected


def affinity(*terms):
    return {
        "spec.affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}
            }
        }
    }


def term(*keys):
    return {"matchExpressions": [{"key": key, "operator": "Exists"} for key in keys]}


TERMS = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
GATE = {"spec.schedulingGates": [{"name": "g"}]}
AFFINITIES = {
    "stricter": (affinity(term("a")), affinity(term("a", "b")), []),
    "another term": (
        affinity(term("a")),
        affinity(term("a"), term("b")),
        [f"{TERMS}: Invalid value: [{{"],
    ),
    "removed": (affinity(term("a")), {}, [f"{TERMS}: Invalid value: null: no additions/deletions"]),
    "looser": (
        affinity(term("a", "b")),
        affinity(term("a")),
        [f"{TERMS}[0]: Invalid value: {{"],
    ),
    "to a term that matches nothing": (
        affinity({}),
        affinity(term("a")),
        [f"{TERMS}[0]: Invalid value: {{"],
    ),
    "pod affinity": (
        {},
        {"spec.affinity": {"podAffinity": {}}},
        ["spec: Forbidden: pod updates may not change fields other than"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), AFFINITIES.values(), ids=AFFINITIES)
def test_node_affinity_of_a_gated_pod(update_faults, before, after, expected):
    errors = update_faults(Pod, POD, {**GATE, **before}, {**GATE, **after})
    assert len(errors) == len(expected), errors
    assert all(error.startswith(start) for error, start in zip(errors, expected, strict=True))


def init(resources, restart="Always"):
    return {
        "spec.initContainers": [
            {
                "name": "i",
                "image": "i",
                "resources": resources,
                **({"restartPolicy": restart} if restart else {}),
            }
        ]
    }


SIDECARS = {
    "sidecar": (init({"requests": {"cpu": "1"}}), init({"requests": {"cpu": "2"}}), []),
    "less": (
        init({"requests": {"cpu": "1", "memory": "1"}}),
        init({"requests": {"cpu": "1"}}),
        ["spec.initContainers[0].resources.requests: Forbidden: resource requests cannot be removed"],
    ),
    "storage of a sidecar": (
        init({"requests": {"cpu": "1", "ephemeral-storage": "1"}}),
        init({"requests": {"cpu": "1", "ephemeral-storage": "2"}}),
        ["spec: Forbidden: only cpu and memory resources for sidecar containers are mutable"],
    ),
    "init container": (
        init({"requests": {"cpu": "1"}}, None),
        init({"requests": {"cpu": "2"}}, None),
        ["spec: Forbidden: resources for non-sidecar init containers are immutable"],
    ),
    "another container": (
        {},
        init({}),
        ["spec: Forbidden: only cpu and memory resources are mutable"],
    ),
    "mirror": (
        {"metadata.annotations": {"kubernetes.io/config.mirror": "x"}, "spec.nodeName": "n"},
        {"metadata.annotations": {"kubernetes.io/config.mirror": "x"}, "spec.nodeName": "n"},
        ["[]: Forbidden: static pods cannot be resized"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), SIDECARS.values(), ids=SIDECARS)
def test_resize(update_faults, before, after, expected):
    assert update_faults(Pod, POD, before, after, "resize") == expected


def test_an_unknown_subresource_has_no_rules(build):
    pod = build(Pod, POD)
    assert validate_update(pod, pod, "log") == []
