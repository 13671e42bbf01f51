# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Certificate signing requests: who asked is what the server knows, and who decides writes through ``approval``.

Source of the semantics: pkg/registry/certificates/certificates/strategy.go.
"""

from typing import Final

from msgspec.structs import replace

from kube.api import validation
from kube.api.types.certificates_v1 import (
    CertificateSigningRequest,
    CertificateSigningRequestCondition,
    CertificateSigningRequestStatus,
)
from kube.apimachinery.field import FieldError
from kube.apimachinery.time import Time, from_seconds
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Context, StatusStrategy, Strategy
from kube.apiserver.registry.subresources import StatusRest

_DECISIONS: Final = ("Approved", "Denied")


class CertificateStrategy(Strategy):
    def prepare_for_create(self, ctx: Context, obj: CertificateSigningRequest) -> CertificateSigningRequest:
        user = ctx.user
        spec = replace(obj.spec, username=user.username, uid=user.uid, groups=user.groups, extra=user.extra)
        return replace(obj, spec=spec, status=CertificateSigningRequestStatus())

    def prepare_for_update(
        self, ctx: Context, new: CertificateSigningRequest, old: CertificateSigningRequest
    ) -> CertificateSigningRequest:
        """A request is not changed; only its metadata is."""
        return replace(new, spec=old.spec, status=old.status)


class CertificateStatusStrategy(StatusStrategy):
    """What signers write: all of the status but the decisions."""

    def prepare_for_update(
        self, ctx: Context, new: CertificateSigningRequest, old: CertificateSigningRequest
    ) -> CertificateSigningRequest:
        decided = [each for each in old.status.conditions if each.type in _DECISIONS]
        others = [each for each in new.status.conditions if each.type not in _DECISIONS]
        conditions = _with_times(tuple(decided + others), old, from_seconds(ctx.now))
        return replace(old, metadata=new.metadata, status=replace(new.status, conditions=conditions))


class CertificateApprovalStrategy(StatusStrategy):
    """What approvers write: the conditions alone."""

    def prepare_for_update(
        self, ctx: Context, new: CertificateSigningRequest, old: CertificateSigningRequest
    ) -> CertificateSigningRequest:
        conditions = _with_times(new.status.conditions, old, from_seconds(ctx.now))
        return replace(old, metadata=new.metadata, status=replace(old.status, conditions=conditions))

    def validate_update(
        self, ctx: Context, new: CertificateSigningRequest, old: CertificateSigningRequest
    ) -> list[FieldError]:
        return validation.validate_update(new, old, "approval")


def _with_times(
    conditions: tuple[CertificateSigningRequestCondition, ...], old: CertificateSigningRequest, now: Time
) -> tuple[CertificateSigningRequestCondition, ...]:
    before = {each.type: each for each in old.status.conditions}
    filled = []
    for condition in conditions:
        held = before.get(condition.type)
        since = held.last_transition_time if held is not None and held.status == condition.status else now
        filled.append(
            replace(
                condition,
                last_update_time=condition.last_update_time or now,
                last_transition_time=condition.last_transition_time or since or now,
            )
        )
    return tuple(filled)


def approval_rest(requests: Store) -> StatusRest:
    """``certificatesigningrequests/approval``."""
    return StatusRest(requests, CertificateApprovalStrategy(requests.strategy))
