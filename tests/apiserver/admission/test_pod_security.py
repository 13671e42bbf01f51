"""The Pod Security Standards, check by check, and the labels that ask for them."""

import pytest
from msgspec.structs import replace

from kube.api.types.apps_v1 import Deployment, DeploymentSpec
from kube.api.types.core_v1 import (
    AppArmorProfile,
    Capabilities,
    Container,
    ContainerPort,
    EmptyDirVolumeSource,
    HostPathVolumeSource,
    HTTPGetAction,
    Namespace,
    NFSVolumeSource,
    Pod,
    PodOS,
    PodSecurityContext,
    PodSpec,
    PodTemplateSpec,
    Probe,
    SeccompProfile,
    SecurityContext,
    SELinuxOptions,
    Sysctl,
    Volume,
    WindowsSecurityContextOptions,
)
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta
from kube.apiserver.admission.plugins.pod_security_checks import violations

LABEL = "pod-security.kubernetes.io/"
SAFE = SecurityContext(
    allow_privilege_escalation=False,
    capabilities=Capabilities(drop=("ALL",)),
    run_as_non_root=True,
    seccomp_profile=SeccompProfile(type="RuntimeDefault"),
)


def spec(context=SAFE, *, names=("c",), ports=(), probe=None, **fields):
    containers = tuple(
        Container(name=name, image="i", security_context=context, ports=ports, liveness_probe=probe)
        for name in names
    )
    return PodSpec(containers=containers, **fields)


@pytest.mark.parametrize(
    ("level", "pod", "told"),
    [
        pytest.param("restricted", spec(), "", id="safe"),
        pytest.param("privileged", spec(SecurityContext(privileged=True)), "", id="privileged"),
        pytest.param("baseline", spec(None), "", id="says nothing"),
        pytest.param(
            "restricted", spec(None, names=("a", "b")),
            'allowPrivilegeEscalation != false (containers "a", "b" must set '
            "securityContext.allowPrivilegeEscalation=false), "
            'unrestricted capabilities (containers "a", "b" must set securityContext.capabilities.drop=["ALL"]), '
            'runAsNonRoot != true (pod or containers "a", "b" must set securityContext.runAsNonRoot=true), '
            'seccompProfile (pod or containers "a", "b" must set securityContext.seccompProfile.type to '
            '"RuntimeDefault" or "Localhost")',
            id="restricted",
        ),
        pytest.param(
            "baseline", spec(SecurityContext(privileged=True)),
            'privileged (container "c" must not set securityContext.privileged=true)', id="privileged container",
        ),
        pytest.param(
            "baseline", spec(host_network=True, host_pid=True),
            "host namespaces (hostNetwork=true, hostPID=true)", id="host namespaces",
        ),
        pytest.param(
            "baseline", spec(ports=(ContainerPort(container_port=1, host_port=80),)),
            'hostPort (container "c" uses hostPort 80)', id="host port",
        ),
        pytest.param(
            "baseline", spec(probe=Probe(http_get=HTTPGetAction(port=1, host="h"))),
            'probe or lifecycle host (container "c" uses probe or lifecycle host "h")', id="probe of a host",
        ),
        pytest.param(
            "baseline", spec(volumes=(Volume(name="v", host_path=HostPathVolumeSource(path="/")),)),
            'hostPath volumes (volume "v")', id="host path",
        ),
        pytest.param(
            "restricted",
            spec(volumes=(
                Volume(name="v", host_path=HostPathVolumeSource(path="/")),
                Volume(name="n", nfs=NFSVolumeSource(server="s", path="/")),
                Volume(name="e", empty_dir=EmptyDirVolumeSource()),
            )),
            'restricted volume types (volumes "v", "n" use restricted volume types "hostPath", "nfs")',
            id="restricted volumes",
        ),
        pytest.param(
            "baseline", spec(SecurityContext(capabilities=Capabilities(add=("NET_ADMIN", "CHOWN")))),
            'non-default capabilities (container "c" must not include "NET_ADMIN" in '
            "securityContext.capabilities.add)", id="capabilities",
        ),
        pytest.param(
            "restricted", spec(replace(SAFE, capabilities=Capabilities(add=("CHOWN",), drop=("ALL",)))),
            'unrestricted capabilities (container "c" must not include "CHOWN" in securityContext.capabilities.add)',
            id="restricted capabilities",
        ),
        pytest.param(
            "baseline",
            spec(
                SecurityContext(seccomp_profile=SeccompProfile(type="Unconfined")),
                security_context=PodSecurityContext(seccomp_profile=SeccompProfile(type="Unconfined")),
            ),
            'seccompProfile (pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
            id="seccomp",
        ),
        pytest.param(
            "baseline", spec(SecurityContext(se_linux_options=SELinuxOptions(type="t", user="u"))),
            'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "t"; user may not be set)',
            id="SELinux",
        ),
        pytest.param(
            "baseline", spec(security_context=PodSecurityContext(sysctls=(Sysctl(name="kernel.x", value="1"),))),
            "forbidden sysctls (kernel.x)", id="sysctls",
        ),
        pytest.param(
            "baseline",
            spec(security_context=PodSecurityContext(
                windows_options=WindowsSecurityContextOptions(host_process=True)
            )),
            "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)", id="host process",
        ),
        pytest.param(
            "baseline", spec(SecurityContext(proc_mount="Unmasked")),
            'procMount (container "c" must not set securityContext.procMount to "Unmasked")', id="proc mount",
        ),
        pytest.param(
            "baseline", spec(SecurityContext(app_armor_profile=AppArmorProfile(type="Unconfined"))),
            'forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")',
            id="AppArmor",
        ),
        pytest.param(
            "restricted", spec(replace(SAFE, run_as_user=0, run_as_non_root=False)),
            'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false), '
            'runAsUser=0 (container "c" must not set runAsUser=0)', id="root",
        ),
        pytest.param(
            "restricted", spec(replace(SAFE, run_as_user=0, run_as_non_root=False), host_users=False), "",
            id="root that is nobody on the node",
        ),
        pytest.param(
            "restricted", spec(SecurityContext(run_as_non_root=True), os=PodOS(name="windows")), "", id="Windows"
        ),
        pytest.param(
            "restricted",
            spec(
                replace(SAFE, run_as_non_root=None, seccomp_profile=None),
                security_context=PodSecurityContext(
                    run_as_non_root=True, seccomp_profile=SeccompProfile(type="Localhost")
                ),
            ),
            "", id="the pod's word counts for its containers",
        ),
    ],
)  # fmt: skip
def test_standards(level, pod, told):
    assert violations(level, {}, pod) == told


def test_profiles_by_annotation():
    key = "container.apparmor.security.beta.kubernetes.io/c"
    assert violations("baseline", {key: "runtime/default"}, spec()) == ""
    told = violations("baseline", {key: "unconfined"}, spec())
    assert told.startswith("forbidden AppArmor profile (annotation must not set AppArmor profile type to ")


# the labels


async def labelled(api, **modes):
    held = await api.get(Namespace, "default")
    labels = {LABEL + mode.replace("_", "-"): value for mode, value in modes.items()}
    return await api.update(
        replace(held, metadata=replace(held.metadata, labels={**held.metadata.labels, **labels}))
    )


def pod(context=None, name="p"):
    return Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=spec(context))


PRIVILEGED = SecurityContext(privileged=True)
TOLD = 'privileged (container "c" must not set securityContext.privileged=true)'


async def test_without_labels_everything_goes(api):
    await api.create(pod(PRIVILEGED))
    assert api.warnings == []


async def test_what_is_enforced_is_refused(api):
    await labelled(api, enforce="baseline", warn="restricted")
    with pytest.raises(ApiError) as refused:
        await api.create(pod(PRIVILEGED))
    assert refused.value.code == 403
    assert refused.value.message == f'pods "p" is forbidden: violates PodSecurity "baseline:latest": {TOLD}'
    await api.create(pod())
    (warning,) = api.warnings
    assert warning.startswith(
        'would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
    )


async def test_templates_are_warned_of(api):
    await labelled(api, enforce="baseline", warn="baseline", warn_version="v1.30")
    template = PodTemplateSpec(metadata=ObjectMeta(labels={"a": "b"}), spec=spec(PRIVILEGED))
    selector = LabelSelector(match_labels={"a": "b"})
    await api.create(
        Deployment(
            metadata=ObjectMeta(name="d", namespace="default"),
            spec=DeploymentSpec(selector=selector, template=template),
        )
    )
    assert api.warnings == [f'would violate PodSecurity "baseline:v1.30": {TOLD}']


async def test_an_update_of_a_pod_that_was_there_before(api):
    made = await api.create(pod(PRIVILEGED))
    await labelled(api, enforce="baseline")
    held = await api.update(replace(made, metadata=replace(made.metadata, labels={"a": "b"})))
    image = replace(held.spec.containers[0], image="j")
    with pytest.raises(ApiError, match="violates PodSecurity"):
        await api.update(replace(held, spec=replace(held.spec, containers=(image,))))


async def test_labels_that_say_nothing(api):
    with pytest.raises(ApiError) as refused:
        await labelled(api, enforce="strict", warn_version="1.30")
    assert refused.value.code == 422
    assert [cause.message for cause in refused.value.causes] == [
        'Invalid value: "strict": must be one of privileged, baseline, restricted',
        'Invalid value: "1.30": must be "latest" or "v1.x"',
    ]
