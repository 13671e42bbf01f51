"""Storage classes, CSI drivers and nodes, capacities, attachments."""

import pytest

from kube.api.types.storage_v1 import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    StorageClass,
    VolumeAttachment,
    VolumeAttributesClass,
)

META = {"name": "n", "resourceVersion": "1"}
CLASS = {"metadata": META, "provisioner": "a.io/b", "parameters": {"a": "b"}}
ATTRIBUTES = {"metadata": META, "driverName": "a.io", "parameters": {"a": "b"}}
DRIVER = {"metadata": META, "spec": {}}
NODE = {"metadata": META, "spec": {"drivers": [{"name": "a.io", "nodeID": "n", "topologyKeys": ["a"]}]}}
CAPACITY = {"metadata": {**META, "namespace": "d"}, "storageClassName": "s", "capacity": "1Gi"}
ATTACHMENT = {
    "metadata": META,
    "spec": {"attacher": "a.io", "nodeName": "n", "source": {"persistentVolumeName": "v"}},
}
TERM = {"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]}
D = "spec.drivers"
INLINE = "spec.source.inlineVolumeSpec"
OBJECTS = {
    "class": (StorageClass, CLASS, {"allowedTopologies": [TERM]}, []),
    "class, nothing": (StorageClass, CLASS, {"provisioner": ""}, ["provisioner: Required value"]),
    "class, choices": (
        StorageClass,
        CLASS,
        {"reclaimPolicy": "Recycle", "volumeBindingMode": "Late"},
        [
            'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
            'volumeBindingMode: Unsupported value: "Late": supported values: "Immediate", "WaitForFirstConsumer"',
        ],
    ),
    "class, parameters": (
        StorageClass,
        CLASS,
        {"parameters": {"": "x"}},
        ['parameters: Invalid value: "": field can not be empty.'],
    ),
    "class, large parameters": (
        StorageClass,
        CLASS,
        {"parameters": {"a": "x" * 256 * 1024}},
        ["parameters: Too long: may not be more than 262144 bytes"],
    ),
    "class, topologies": (
        StorageClass,
        CLASS,
        {
            "allowedTopologies": [
                TERM,
                TERM,
                {"matchLabelExpressions": [{"key": "a"}, {"key": "a", "values": ["b", "b"]}]},
            ]
        },
        [
            'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
            "allowedTopologies[2].matchLabelExpressions[0].values: Required value",
            'allowedTopologies[2].matchLabelExpressions[1].values[1]: Duplicate value: "b"',
            'allowedTopologies[2].matchLabelExpressions[1].key: Duplicate value: "a"',
        ],
    ),
    "attributes": (VolumeAttributesClass, ATTRIBUTES, {}, []),
    "attributes, nothing": (
        VolumeAttributesClass,
        ATTRIBUTES,
        {"parameters": {}},
        ["parameters: Required value: must contain at least one key/value pair"],
    ),
    "driver": (CSIDriver, DRIVER, {}, []),
    "driver, choices": (
        CSIDriver,
        DRIVER,
        {"spec": {"fsGroupPolicy": "Some", "volumeLifecycleModes": ["Short"]}},
        [
            'spec.fsGroupPolicy: Unsupported value: "Some": supported values: "File", "None", "ReadWriteOnceWithFSType"',
            'spec.volumeLifecycleModes: Unsupported value: "Short": supported values: "Persistent", "Ephemeral"',
        ],
    ),
    "driver, tokens": (
        CSIDriver,
        DRIVER,
        {
            "spec.tokenRequests": [
                {"audience": "a", "expirationSeconds": 599},
                {"audience": "a"},
                {"audience": "b", "expirationSeconds": 2**32 + 1},
            ]
        },
        [
            (
                "spec.tokenRequests[0].expirationSeconds: Invalid value: 599: "
                "may not specify a duration less than 10 minutes"
            ),
            'spec.tokenRequests[1].audience: Duplicate value: "a"',
            (
                "spec.tokenRequests[2].expirationSeconds: Invalid value: 4294967297: "
                "may not specify a duration larger than 2^32 seconds"
            ),
        ],
    ),
    "driver, period": (
        CSIDriver,
        DRIVER,
        {"spec.nodeAllocatableUpdatePeriodSeconds": 9},
        [
            (
                "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: "
                "must be greater than or equal to 10 seconds"
            )
        ],
    ),
    "node": (CSINode, NODE, {}, []),
    "node, drivers": (
        CSINode,
        NODE,
        {
            D: [
                {"name": "a.io", "nodeID": "n", "allocatable": {"count": -1}},
                {"name": "a.io", "nodeID": "n" * 193, "topologyKeys": ["a", "a"]},
            ]
        },
        [
            f"{D}[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
            f'{D}[1].nodeID: Invalid value: "{"n" * 193}": must be 192 characters or less',
            f'{D}[1].name: Duplicate value: "a.io"',
            f'{D}[1]: Duplicate value: "a"',
        ],
    ),
    "capacity": (CSIStorageCapacity, CAPACITY, {}, []),
    "capacity, negative": (
        CSIStorageCapacity,
        CAPACITY,
        {"capacity": "-1"},
        ['capacity: Invalid value: "-1": must be greater than or equal to 0'],
    ),
    "attachment": (VolumeAttachment, ATTACHMENT, {}, []),
    "attachment, no source": (
        VolumeAttachment,
        ATTACHMENT,
        {"spec.source": {}},
        [
            (
                "spec.source: Required value: "
                "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
            )
        ],
    ),
    "attachment, inline": (
        VolumeAttachment,
        ATTACHMENT,
        {"spec.source": {"inlineVolumeSpec": {"capacity": {"storage": "1"}, "storageClassName": "s"}}},
        [
            f"{INLINE}.capacity: Forbidden: may not be specified in the context of inline volumes",
            f"{INLINE}.csi: Required value: has to be specified in the context of inline volumes",
            f"{INLINE}.accessModes: Required value",
            f"{INLINE}.storageClassName: Forbidden: may not be specified in the context of inline volumes",
        ],
    ),
}


@pytest.mark.parametrize(("cls", "tree", "changes", "expected"), OBJECTS.values(), ids=OBJECTS)
def test_objects(cls, tree, changes, expected, faults):
    assert faults(cls, tree, changes) == expected


UPDATES = {
    "class": (
        StorageClass,
        CLASS,
        {"parameters": {}, "provisioner": "c", "reclaimPolicy": "Retain", "volumeBindingMode": "Late"},
        [
            "parameters: Forbidden: updates to parameters are forbidden.",
            "provisioner: Forbidden: updates to provisioner are forbidden.",
            "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
            'volumeBindingMode: Invalid value: "Late": field is immutable',
        ],
    ),
    "class, expansion": (StorageClass, CLASS, {"allowVolumeExpansion": True}, []),
    "attributes": (
        VolumeAttributesClass,
        ATTRIBUTES,
        {"parameters": {"a": "c"}},
        ["parameters: Forbidden: updates to parameters are forbidden."],
    ),
    "driver": (
        CSIDriver,
        DRIVER,
        {"spec.attachRequired": False},
        ["spec.attachedRequired: Invalid value: false: field is immutable"],
    ),
    "node, count": (CSINode, NODE, {f"{D}.0.allocatable": {"count": 5}}, []),
    "node, keys": (
        CSINode,
        NODE,
        {f"{D}.0.topologyKeys": []},
        [f'{D}: Invalid value: {{"name":"a.io","nodeID":"n","topologyKeys":[]}}: field is immutable'],
    ),
    "capacity": (
        CSIStorageCapacity,
        CAPACITY,
        {"storageClassName": "t", "capacity": "5"},
        ['storageClassName: Invalid value: "t": field is immutable'],
    ),
    "attachment": (
        VolumeAttachment,
        ATTACHMENT,
        {"spec.nodeName": "m"},
        [
            (
                'spec: Invalid value: {"Attacher":"a.io","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},'
                '"NodeName":"m"}: field is immutable'
            )
        ],
    ),
}


@pytest.mark.parametrize(("cls", "tree", "after", "expected"), UPDATES.values(), ids=UPDATES)
def test_updates(cls, tree, after, expected, update_faults):
    assert update_faults(cls, tree, {}, after) == expected


def test_attachment_errors(update_faults):
    error = {"status": {"attachError": {"message": "x" * 1025, "errorCode": -1}}}
    assert update_faults(VolumeAttachment, ATTACHMENT, {}, error, "status") == [
        "status.attachError.message: Too long: may not be more than 262144 bytes",
        "status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive",
    ]
