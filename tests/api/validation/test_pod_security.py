"""The rarer fields of pods: security contexts and Windows."""

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
C0 = "spec.containers.0"
S = f"{C}.securityContext"


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
CASES = {
    f"{part}: {name}": case
    for part, cases in (("security", SECURITY), ("windows", WINDOWS))
    for name, case in cases.items()
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_create(faults, changes, expected):
    errors = faults(Pod, POD, changes)
    for error, start in zip(errors, expected, strict=False):
        assert error.startswith(start)
    assert len(errors) == len(expected), errors
