"""PersistentVolumes and PersistentVolumeClaims."""

import pytest

from kube.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim

VOLUME = {
    "metadata": {"name": "pv", "resourceVersion": "1"},
    "spec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/data"},
    },
}
CSI = {
    "metadata": {"name": "pv", "resourceVersion": "1"},
    "spec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "csi": {"driver": "csi.example.com", "volumeHandle": "h"},
    },
}
MODES = '"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'
VOLUMES = {
    "sound": ({}, []),
    "modes": (
        {"spec.accessModes": ["ReadWriteOncePod", "ReadOnlyMany", "Any"]},
        [
            f'spec.accessModes: Unsupported value: "Any": supported values: {MODES}',
            "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
        ],
    ),
    "no modes": ({"spec.accessModes": []}, ["spec.accessModes: Required value"]),
    "no capacity": (
        {"spec.capacity": {}},
        [
            "spec.capacity: Required value",
            'spec.capacity: Unsupported value: null: supported values: "storage"',
        ],
    ),
    "capacity": (
        {"spec.capacity": {"storage": "0", "cpu": "-1"}},
        [
            'spec.capacity: Unsupported value: {"cpu":"-1","storage":"0"}: supported values: "storage"',
            'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
            "spec.capacity[cpu]: Invalid value: -1: must be a valid resource quantity",
            'spec.capacity[cpu]: Invalid value: "-1": must be greater than zero',
        ],
    ),
    "no source": ({"spec.hostPath": None}, ["spec: Required value: must specify a volume type"]),
    "two sources": (
        {"spec.nfs": {"server": "s", "path": "/"}},
        ["spec.nfs: Forbidden: may not specify more than 1 volume type"],
    ),
    "local": (
        {"spec.hostPath": None, "spec.local": {"path": "/mnt"}},
        ["spec.nodeAffinity: Required value: Local volume requires node affinity"],
    ),
    "recycled root": (
        {"spec.hostPath.path": "/", "spec.persistentVolumeReclaimPolicy": "Recycle"},
        ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    ),
    "policy, class, mode": (
        {
            "spec.persistentVolumeReclaimPolicy": "Keep",
            "spec.storageClassName": "A",
            "spec.volumeMode": "Raw",
            "spec.volumeAttributesClassName": "",
        },
        [
            (
                'spec.persistentVolumeReclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Recycle",'
                ' "Retain"'
            ),
            'spec.storageClassName: Invalid value: "A": a lowercase RFC 1123 subdomain',
            'spec.volumeMode: Unsupported value: "Raw": supported values: "Block", "Filesystem"',
            "spec.volumeAttributesClassName: Required value: an empty string is disallowed",
            "spec.csi: Required value: has to be specified when using volumeAttributesClassName",
        ],
    ),
    "node affinity": (
        {"spec.nodeAffinity": {"required": {"nodeSelectorTerms": []}}},
        [
            "spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term"
        ],
    ),
    "iscsi": (
        {
            "spec.hostPath": None,
            "spec.iscsi": {"targetPortal": "", "iqn": "x", "lun": 256, "chapAuthSession": True},
        },
        [
            "spec.iscsi.targetPortal: Required value",
            'spec.iscsi.iqn: Invalid value: "x": must be valid format',
            "spec.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
            "spec.iscsi.secretRef: Required value",
        ],
    ),
    "fc": (
        {"spec.hostPath": None, "spec.fc": {"targetWWNs": ["a"], "wwids": ["b"]}},
        [
            'spec.fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously',
            "spec.fc.lun: Required value: lun is required if targetWWNs is specified",
        ],
    ),
    "azure disk": (
        {
            "spec.hostPath": None,
            "spec.azureDisk": {"diskName": "d", "diskURI": "x", "kind": "Managed", "cachingMode": "Y"},
        },
        [
            'spec.azureDisk.cachingMode: Unsupported value: "Y": supported values: "None", "ReadOnly", "ReadWrite"',
            'spec.azureDisk.diskURI: Unsupported value: "x": supported values: "/subscriptions/{sub-id}/resourcegroups/',
        ],
    ),
    "csi secrets": (
        {
            "spec.hostPath": None,
            "spec.csi": {
                "driver": "a" * 64,
                "volumeHandle": "",
                "nodePublishSecretRef": {"name": "S"},
            },
        },
        [
            "spec.csi.driver: Too long: may not be more than 63 bytes",
            "spec.csi.volumeHandle: Required value",
            'spec.csi.nodePublishSecretRef.name: Invalid value: "S": a lowercase RFC 1123 subdomain',
            "spec.csi.nodePublishSecretRef.namespace: Required value",
        ],
    ),
    "flex volume": (
        {"spec.hostPath": None, "spec.flexVolume": {"driver": "d", "options": {"a.k8s.io/b": "c"}}},
        [
            (
                'spec.flexVolume.options[a.k8s.io/b]: Invalid value: "a.k8s.io/b": kubernetes.io and k8s.io namespaces are'
                " reserved"
            )
        ],
    ),
    "glusterfs": (
        {
            "spec.hostPath": None,
            "spec.glusterfs": {"endpoints": "", "path": "", "endpointsNamespace": ""},
        },
        [
            "spec.glusterfs.endpoints: Required value",
            "spec.glusterfs.path: Required value",
            (
                'spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid'
                " namespace name"
            ),
        ],
    ),
    "quobyte": (
        {"spec.hostPath": None, "spec.quobyte": {"registry": "r", "volume": "v"}},
        [
            'spec.quobyte.registry: Invalid value: "r": must be a host:port pair or multiple pairs separated by commas'
        ],
    ),
    "flocker": (
        {"spec.hostPath": None, "spec.flocker": {"datasetName": "a/b", "datasetUUID": "u"}},
        [
            'spec.flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
            "spec.flocker.datasetName: Invalid value: \"a/b\": must not contain '/'",
        ],
    ),
    "scaleIO": (
        {"spec.hostPath": None, "spec.scaleIO": {"gateway": "", "system": "", "volumeName": ""}},
        [
            "spec.scaleIO.gateway: Required value",
            "spec.scaleIO.system: Required value",
            "spec.scaleIO.volumeName: Required value",
        ],
    ),
}


def assert_starts(errors, expected):
    assert len(errors) == len(expected), errors
    for error, start in zip(errors, expected, strict=True):
        assert error.startswith(start)


@pytest.mark.parametrize(("changes", "expected"), VOLUMES.values(), ids=VOLUMES)
def test_volume(faults, changes, expected):
    assert_starts(faults(PersistentVolume, VOLUME, changes), expected)


def terms(key):
    expression = {"key": key, "operator": "In", "values": ["z"]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


VOLUME_UPDATES = {
    "claim": ({}, {"spec.claimRef": {"name": "c"}}, []),
    "source": (
        {},
        {"spec.csi.volumeHandle": "other"},
        [
            (
                "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n"
                "  core.PersistentVolumeSource{\n"
                "  \t... // 21 identical fields\n"
                "  \tCsi: core.CSIPersistentVolumeSource{\n"
                "  \t\t... // 1 identical field\n"
                '- \t\tVolumeHandle: "h",\n'
                '+ \t\tVolumeHandle: "other",\n'
                "  \t\t... // 8 identical fields\n"
                "  \t},\n"
                "  }\n"
            )
        ],
    ),
    "expand secret": (
        {},
        {"spec.csi.controllerExpandSecretRef": {"name": "s", "namespace": "n"}},
        [],
    ),
    "volume mode": (
        {},
        {"spec.volumeMode": "Block"},
        ['volumeMode: Invalid value: "Block": field is immutable'],
    ),
    "node affinity set": ({}, {"spec.nodeAffinity": terms("a")}, []),
    "node affinity changed": (
        {"spec.nodeAffinity": terms("a")},
        {"spec.nodeAffinity": terms("b")},
        [
            (
                'nodeAffinity: Invalid value: {"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"b","operator":'
                '"In","values":["z"]}]}]}}: field is immutable, except for updating from beta label to GA'
            )
        ],
    ),
    "node affinity to the stable label": (
        {"spec.nodeAffinity": terms("failure-domain.beta.kubernetes.io/zone")},
        {"spec.nodeAffinity": terms("topology.kubernetes.io/zone")},
        [],
    ),
    "attributes class unset": (
        {"spec.volumeAttributesClassName": "gold"},
        {},
        ["spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), VOLUME_UPDATES.values(), ids=VOLUME_UPDATES)
def test_volume_update(update_faults, before, after, expected):
    assert update_faults(PersistentVolume, CSI, before, after) == expected


def test_volume_status_update(update_faults):
    assert update_faults(PersistentVolume, VOLUME, {}, {"status.phase": "Bound"}, "status") == []


CLAIM = {
    "metadata": {"name": "c", "namespace": "default", "resourceVersion": "1"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}
CLAIMS = {
    "sound": ({}, []),
    "empty": (
        {"spec": {}},
        [
            "spec.accessModes: Required value: at least 1 access mode is required",
            "spec.resources[storage]: Required value",
        ],
    ),
    "size": (
        {"spec.resources.requests.storage": "0"},
        ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ),
    "selector and class": (
        {
            "spec.selector": {"matchExpressions": [{"key": "a", "operator": "In"}]},
            "spec.storageClassName": "A",
        },
        [
            (
                "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or"
                " 'NotIn'"
            ),
            'spec.storageClassName: Invalid value: "A": a lowercase RFC 1123 subdomain',
        ],
    ),
    "no class": ({"spec.storageClassName": ""}, []),
    "data source": (
        {"spec.dataSource": {"name": "", "kind": "Snapshot"}},
        [
            "spec.dataSource.name: Required value",
            (
                "spec.dataSource: Invalid value: \"Snapshot\": must be 'PersistentVolumeClaim' when referencing the default"
                " apiGroup"
            ),
        ],
    ),
    "data sources differ": (
        {
            "spec.dataSource": {"name": "a", "kind": "PersistentVolumeClaim"},
            "spec.dataSourceRef": {"name": "b", "kind": "PersistentVolumeClaim"},
        },
        ['spec: Invalid value: "spec.dataSource": must match dataSourceRef'],
    ),
    "data source of another namespace": (
        {
            "spec.dataSource": {"name": "a", "kind": "PersistentVolumeClaim"},
            "spec.dataSourceRef": {"name": "a", "kind": "PersistentVolumeClaim", "namespace": "n"},
        },
        [
            'spec: Invalid value: "spec.dataSource": may not be specified when dataSourceRef.namespace is specified'
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CLAIMS.values(), ids=CLAIMS)
def test_claim(faults, changes, expected):
    assert_starts(faults(PersistentVolumeClaim, CLAIM, changes), expected)


BOUND = {"status.phase": "Bound", "status.capacity": {"storage": "1Gi"}}
SIZE = "spec.resources.requests.storage"
IMMUTABLE = (
    "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound"
    " claims\n"
)
CLAIM_UPDATES = {
    "volume name once": ({}, {"spec.volumeName": "pv"}, []),
    "volume name twice": ({"spec.volumeName": "a"}, {"spec.volumeName": "b"}, [IMMUTABLE]),
    "growth when bound": (BOUND, {**BOUND, SIZE: "2Gi"}, []),
    "growth when pending": ({}, {SIZE: "2Gi"}, [IMMUTABLE]),
    "another spelling": ({SIZE: "1Ki"}, {SIZE: "1024"}, []),
    "shrink after a failed growth": (
        {**BOUND, SIZE: "3Gi"},
        {**BOUND, SIZE: "2Gi"},
        [],
    ),
    "shrink to what it has": (
        {**BOUND, SIZE: "3Gi"},
        {**BOUND, SIZE: "512Mi", "status.capacity": {"storage": "1Gi"}},
        ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
    ),
    "class from nothing": ({}, {"spec.storageClassName": "fast"}, []),
    "class from the annotation": (
        {"metadata.annotations": {"volume.beta.kubernetes.io/storage-class": "fast"}},
        {"spec.storageClassName": "fast"},
        [],
    ),
    "class changed": (
        {"spec.storageClassName": "slow"},
        {"spec.storageClassName": "fast"},
        [IMMUTABLE],
    ),
    "class annotation": (
        {"metadata.annotations": {"volume.beta.kubernetes.io/storage-class": "a"}},
        {"metadata.annotations": {"volume.beta.kubernetes.io/storage-class": "b"}},
        [
            'metadata.annotations.volume.beta.kubernetes.io/storage-class: Invalid value: "b": field is immutable'
        ],
    ),
    "attributes class": (
        {**BOUND, "spec.volumeAttributesClassName": "silver"},
        {**BOUND, "spec.volumeAttributesClassName": "gold"},
        [],
    ),
    "attributes class emptied": (
        {**BOUND, "spec.volumeAttributesClassName": "silver"},
        {**BOUND, "spec.volumeAttributesClassName": ""},
        [
            "spec.volumeAttributesClassName: Forbidden: update from non-nil value to an empty string is forbidden"
        ],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), CLAIM_UPDATES.values(), ids=CLAIM_UPDATES)
def test_claim_update(update_faults, before, after, expected):
    assert_starts(update_faults(PersistentVolumeClaim, CLAIM, before, after), expected)


def test_claim_status_update(update_faults):
    after = {
        "status.capacity": {"storage": "-1"},
        "status.allocatedResources": {"cpu": "1", "storage": "2Gi"},
        "status.allocatedResourceStatuses": {"storage": "Stuck"},
    }
    assert update_faults(PersistentVolumeClaim, CLAIM, {}, after, "status") == [
        "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
        (
            'status.allocatedResourceStatus: Unsupported value: "storage": supported values: "ControllerResizeInProgress",'
            ' "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"'
        ),
        'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
    ]
