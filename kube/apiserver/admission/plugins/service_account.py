"""ServiceAccount: every pod has one, and the volume with its token.

Source of the semantics: plugin/pkg/admission/serviceaccount; the page "Configure Service Accounts for Pods"; KEP-1205
(bound tokens).
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.pods import MIRROR_POD_ANNOTATION
from kube.api.types.core_v1 import (
    ConfigMapProjection,
    Container,
    DownwardAPIProjection,
    DownwardAPIVolumeFile,
    KeyToPath,
    ObjectFieldSelector,
    Pod,
    PodSpec,
    ProjectedVolumeSource,
    ServiceAccount,
    ServiceAccountTokenProjection,
    Volume,
    VolumeMount,
    VolumeProjection,
)
from kube.apiserver.admission.interface import Attributes
from kube.apiserver.admission.plugins.lookup import CREATE, PODS, Lookup, Stores, refusal
from kube.base.chance import Chance
from kube.base.clock import Clock

DEFAULT_NAME: Final = "default"
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX: Final = "kube-api-access-"
TOKEN_SECONDS: Final = 3607
"""An hour, told from other hours by its seconds."""

_DEFAULT_ATTEMPTS: Final = 10
"""How often a namespace's default account is looked for: its controller may not have made it yet."""
_ATTEMPT_SECONDS: Final = (0.1, 0.2)

_TOKEN: Final = ProjectedVolumeSource(
    sources=(
        VolumeProjection(
            service_account_token=ServiceAccountTokenProjection(
                expiration_seconds=TOKEN_SECONDS, path="token"
            )
        ),
        VolumeProjection(
            config_map=ConfigMapProjection(
                name="kube-root-ca.crt", items=(KeyToPath(key="ca.crt", path="ca.crt"),)
            )
        ),
        VolumeProjection(
            downward_api=DownwardAPIProjection(
                items=(
                    DownwardAPIVolumeFile(
                        path="namespace",
                        field_ref=ObjectFieldSelector(api_version="v1", field_path="metadata.namespace"),
                    ),
                )
            )
        ),
    ),
    default_mode=0o644,
)


class ServiceAccountAdmission:
    name = "ServiceAccount"
    operations = CREATE
    resources = PODS

    def __init__(self, stores: Stores, clock: Clock, chance: Chance) -> None:
        self._accounts = Lookup(stores["", "serviceaccounts"])
        self._clock = clock
        self._chance = chance

    async def admit(self, attributes: Attributes) -> Any:
        if attributes.subresource:
            return attributes.object
        pod: Pod = attributes.object
        spec = pod.spec
        if MIRROR_POD_ANNOTATION in pod.metadata.annotations:
            if why := _mirror_fault(spec):
                raise refusal(attributes, why)
            return pod
        name = spec.service_account_name or DEFAULT_NAME
        account = await self._accounts.get(attributes.namespace, name)
        if account is None:
            account = await self._wait_for(attributes, name)
        changes: dict[str, Any] = {}
        if not spec.service_account_name:
            changes["service_account_name"] = changes["service_account"] = name
        if _automounts(spec, account):
            changes |= _mounted(spec, self._chance)
        if not spec.image_pull_secrets and account.image_pull_secrets:
            changes["image_pull_secrets"] = account.image_pull_secrets
        return replace(pod, spec=replace(spec, **changes)) if changes else pod

    async def _wait_for(self, attributes: Attributes, name: str) -> ServiceAccount:
        """Raises ApiError (403) for an account that does not come."""
        namespace = attributes.namespace
        attempts = _DEFAULT_ATTEMPTS if name == DEFAULT_NAME else 1
        for attempt in range(attempts):
            if attempt:
                await self._clock.sleep(self._chance.uniform(*_ATTEMPT_SECONDS))
            found: ServiceAccount | None = await self._accounts.get_live(namespace, name)
            if found is not None:
                return found
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise refusal(attributes, why)


def _mirror_fault(spec: PodSpec) -> str:
    if spec.service_account_name:
        return "a mirror pod may not reference service accounts"
    for volume in spec.volumes:
        if volume.secret is not None:
            return "a mirror pod may not reference secrets"
        if volume.projected is not None and any(
            source.service_account_token is not None for source in volume.projected.sources
        ):
            return "a mirror pod may not use ServiceAccountToken volume projections"
    return ""


def _automounts(spec: PodSpec, account: ServiceAccount) -> bool:
    """The pod's word counts before the account's."""
    if spec.automount_service_account_token is not None:
        return spec.automount_service_account_token
    return account.automount_service_account_token is not False


def _mounted(spec: PodSpec, chance: Chance) -> dict[str, Any]:
    """The fields of a spec whose containers all have the token, where they have not put something else."""
    existing = next((volume.name for volume in spec.volumes if volume.name.startswith(VOLUME_PREFIX)), "")
    mount = VolumeMount(
        name=existing or VOLUME_PREFIX + chance.suffix(), read_only=True, mount_path=MOUNT_PATH
    )
    changes: dict[str, Any] = {}
    for field in ("init_containers", "containers"):
        before: tuple[Container, ...] = getattr(spec, field)
        after = tuple([_with_mount(container, mount) for container in before])
        if any(new is not old for new, old in zip(after, before, strict=True)):
            changes[field] = after
    if changes and not existing:
        changes["volumes"] = (*spec.volumes, Volume(name=mount.name, projected=_TOKEN))
    return changes


def _with_mount(container: Container, mount: VolumeMount) -> Container:
    for each in container.volume_mounts:
        if each.mount_path == MOUNT_PATH:
            return container
    return replace(container, volume_mounts=(*container.volume_mounts, mount))
