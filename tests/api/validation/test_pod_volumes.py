"""What is wrong with a pod's volumes and their mounts, in upstream's paths and words."""

import pytest

from kube.api.types.core_v1 import Pod
from kube.api.validation import validate

POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"containers": [{"name": "web", "image": "nginx:1.25"}]},
}
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
C = "spec.containers[0]"


VOLUME_CASES = {
    "no name": (
        {"spec.volumes": [{"name": "", "emptyDir": {}}]},
        ["spec.volumes[0].name: Required value"],
    ),
    "same name": (
        {"spec.volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]},
        ['spec.volumes[1].name: Duplicate value: "a"'],
    ),
    "two sources": (
        {"spec.volumes": [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]},
        ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ),
    "sources": (
        {
            "spec.volumes": [
                {"name": "a", "hostPath": {"path": "/a/..", "type": "Dir"}},
                {"name": "b", "secret": {"secretName": "", "defaultMode": 512}},
                {"name": "c", "configMap": {"name": "c", "items": [{"key": "", "path": "../x"}]}},
                {"name": "d", "persistentVolumeClaim": {"claimName": ""}},
                {"name": "e", "nfs": {"server": "", "path": "x"}},
                {"name": "f", "csi": {"driver": ""}},
                {"name": "g", "emptyDir": {"sizeLimit": "-1"}},
                {"name": "h", "image": {"reference": "", "pullPolicy": "X"}},
                {"name": "i", "gcePersistentDisk": {"pdName": "", "partition": 256}},
            ]
        },
        [
            "spec.volumes[0].hostPath.path: Invalid value: \"/a/..\": must not contain '..'",
            (
                'spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice",'
                ' "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"'
            ),
            "spec.volumes[1].secret.secretName: Required value",
            (
                "spec.volumes[1].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both"
                " inclusive"
            ),
            "spec.volumes[2].configMap.items[0].key: Required value",
            "spec.volumes[2].configMap.items[0].path: Invalid value: \"../x\": must not contain '..'",
            "spec.volumes[3].persistentVolumeClaim.claimName: Required value",
            "spec.volumes[4].nfs.server: Required value",
            'spec.volumes[4].nfs.path: Invalid value: "x": must be an absolute path',
            "spec.volumes[5].csi.driver: Required value",
            f'spec.volumes[5].csi.driver: Invalid value: "": {SUBDOMAIN}',
            "spec.volumes[6].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity",
            "spec.volumes[7].image.reference: Required value",
            (
                'spec.volumes[7].image.pullPolicy: Unsupported value: "X": supported values: "Always", "IfNotPresent",'
                ' "Never"'
            ),
            "spec.volumes[8].persistentDisk.pdName: Required value",
            "spec.volumes[8].persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive",
        ],
    ),
    "projected": (
        {
            "spec.serviceAccountName": "sa",
            "spec.volumes": [
                {
                    "name": "p",
                    "projected": {
                        "sources": [
                            {"serviceAccountToken": {"path": "", "expirationSeconds": 1}},
                            {"secret": {"name": "s", "items": [{"key": "k", "path": "same"}]}},
                            {
                                "configMap": {"name": "", "items": [{"key": "k", "path": "same"}]},
                                "downwardAPI": {
                                    "items": [
                                        {"path": "l", "fieldRef": {"fieldPath": "status.podIP"}},
                                        {"path": "n"},
                                    ]
                                },
                            },
                            {"clusterTrustBundle": {"path": "b"}},
                        ]
                    },
                }
            ],
        },
        [
            (
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify"
                " a duration less than 10 minutes"
            ),
            "spec.volumes[0].projected.path: Required value",
            "spec.volumes[0].projected.sources[2].configMap.name: Required value",
            'spec.volumes[0].projected: Invalid value: "": conflicting duplicate paths',
            (
                "spec.volumes[0].projected.sources[2].downwardAPI.fieldRef.fieldPath: Unsupported value: "
                '"status.podIP": supported values: "metadata.annotations", "metadata.labels", "metadata.name",'
                ' "metadata.namespace", "metadata.uid"'
            ),
            (
                "spec.volumes[0].projected.sources[2].downwardAPI: Required value: one of fieldRef and resourceFieldRef is"
                " required"
            ),
            "spec.volumes[0].projected.sources[2]: Forbidden: may not specify more than 1 volume type per source",
            (
                "spec.volumes[0].projected.sources[3].clusterTrustBundle: Required value: either name or signerName must be"
                " specified"
            ),
        ],
    ),
    "token without account": (
        {"spec.volumes": [{"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]},
        [
            (
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when"
                " serviceAccountName is not set"
            )
        ],
    ),
    "ephemeral": (
        {
            "spec.volumes": [
                {"name": "e", "ephemeral": {"volumeClaimTemplate": {"metadata": {"name": "x"}, "spec": {}}}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "web-e"}},
            ]
        },
        [
            "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
            (
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is"
                " required"
            ),
            "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value",
            (
                'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "web-e": must not reference a PVC that gets'
                " created for an ephemeral volume"
            ),
        ],
    ),
    "mounts": (
        {
            "spec.volumes": [{"name": "v", "emptyDir": {}}],
            "spec.containers.0.volumeMounts": [
                {"name": "", "mountPath": ""},
                {"name": "v", "mountPath": "/a", "subPath": "/x", "subPathExpr": "../y"},
                {"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"},
                {"name": "v", "mountPath": "/b", "recursiveReadOnly": "Enabled"},
            ],
        },
        [
            f"{C}.volumeMounts[0].name: Required value",
            f'{C}.volumeMounts[0].name: Not found: ""',
            f"{C}.volumeMounts[0].mountPath: Required value",
            f'{C}.volumeMounts.subPath: Invalid value: "/x": must be a relative path',
            f'{C}.volumeMounts[1].subPathExpr: Invalid value: "../y": subPathExpr and subPath are mutually exclusive',
            f"{C}.volumeMounts.subPathExpr: Invalid value: \"../y\": must not contain '..'",
            f'{C}.volumeMounts[2].mountPath: Invalid value: "/a": must be unique',
            (
                f"{C}.volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged"
                " containers"
            ),
            f"{C}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
        ],
    ),
    "devices": (
        {
            "spec.volumes": [
                {"name": "v", "emptyDir": {}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "c"}},
            ],
            "spec.containers.0.volumeMounts": [{"name": "c", "mountPath": "/dev/c"}],
            "spec.containers.0.volumeDevices": [
                {"name": "v", "devicePath": "/dev/v"},
                {"name": "c", "devicePath": "/dev/c"},
                {"name": "x", "devicePath": "/dev/../x"},
            ],
        },
        [
            f'{C}.volumeMounts[0].name: Invalid value: "c": must not already exist in volumeDevices',
            f'{C}.volumeMounts[0].mountPath: Invalid value: "/dev/c": must not already exist as a path in volumeDevices',
            (
                f'{C}.volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or'
                " Ephemeral for block mode"
            ),
            f'{C}.volumeDevices[1].name: Invalid value: "c": must not already exist in volumeMounts',
            f'{C}.volumeDevices[1].devicePath: Invalid value: "/dev/c": must not already exist as a path in volumeMounts',
            f'{C}.volumeDevices[2].name: Not found: "x"',
            f"{C}.volumeDevices[2].devicePath: Invalid value: \"/dev/../x\": can not contain backsteps ('..')",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), VOLUME_CASES.values(), ids=VOLUME_CASES)
def test_create(build, changes, expected):
    assert [str(error) for error in validate(build(Pod, POD, changes))] == expected
