"""The rarer fields of pods: projected volumes and the other sources of volumes."""

import pytest

from kube.api.types.core_v1 import Pod

POD = {
    "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1"},
    "spec": {
        "containers": [{"name": "web", "image": "nginx:1.25"}],
        "serviceAccountName": "default",
    },
}
C = "spec.containers[0]"
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
CASES = {
    f"{part}: {name}": case
    for part, cases in (("projections", PROJECTIONS), ("sources", SOURCES))
    for name, case in cases.items()
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_create(faults, changes, expected):
    errors = faults(Pod, POD, changes)
    for error, start in zip(errors, expected, strict=False):
        assert error.startswith(start)
    assert len(errors) == len(expected), errors
