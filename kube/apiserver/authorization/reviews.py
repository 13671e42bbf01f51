# ruff: noqa: ARG002  # create has one signature, whether or not all of it is read
"""The access reviews: create-only resources that ask the authorizer about somebody, or about oneself.

Source of the semantics: k8s.io/api/authorization/v1, and the validation and REST objects of upstream's
authorization registry.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.authorization_v1 import (
    LocalSubjectAccessReview,
    NonResourceAttributes,
    NonResourceRule,
    ResourceAttributes,
    ResourceRule,
    SelfSubjectAccessReview,
    SelfSubjectRulesReview,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
    SubjectAccessReviewStatus,
    SubjectRulesReviewStatus,
)
from kube.apimachinery.errors import bad_request
from kube.apimachinery.errors import invalid as invalid_object
from kube.apimachinery.field import FieldError, Path, invalid
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authorization.interface import RuleResolver
from kube.apiserver.endpoints.interface import Attributes, Authorizer, Decision
from kube.apiserver.registry.rest import ObjectResult, Validate
from kube.apiserver.registry.strategy import Context

GROUP: Final = "authorization.k8s.io"
_SPEC: Final = Path("spec")


class SubjectAccessReviews:
    """May this user do this?"""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def create(
        self, ctx: Context, name: str, obj: SubjectAccessReview, validate: Validate
    ) -> ObjectResult:
        _refuse_invalid("SubjectAccessReview", [*_metadata_errors(obj.metadata), *_spec_errors(obj.spec)])
        await validate(obj)
        status = await _status(self._authorizer, _subject(obj.spec), obj.spec)
        return ObjectResult(replace(obj, status=status), created=True)


class LocalSubjectAccessReviews:
    """May this user do this in this namespace?"""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def create(
        self, ctx: Context, name: str, obj: LocalSubjectAccessReview, validate: Validate
    ) -> ObjectResult:
        _refuse_invalid("LocalSubjectAccessReview", _local_errors(obj))
        asked = obj.spec.resource_attributes
        if asked is not None and asked.namespace != ctx.namespace:
            raise bad_request(f"spec.resourceAttributes.namespace must match namespace: {ctx.namespace}")
        await validate(obj)
        status = await _status(self._authorizer, _subject(obj.spec), obj.spec)
        return ObjectResult(replace(obj, status=status), created=True)


class SelfSubjectAccessReviews:
    """May I do this?"""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def create(
        self, ctx: Context, name: str, obj: SelfSubjectAccessReview, validate: Validate
    ) -> ObjectResult:
        spec = SubjectAccessReviewSpec(
            resource_attributes=obj.spec.resource_attributes,
            non_resource_attributes=obj.spec.non_resource_attributes,
        )
        _refuse_invalid(
            "SelfSubjectAccessReview", [*_metadata_errors(obj.metadata), *_attributes_errors(spec)]
        )
        await validate(obj)
        return ObjectResult(
            replace(obj, status=await _status(self._authorizer, ctx.user, spec)), created=True
        )


class SelfSubjectRulesReviews:
    """What may I do in this namespace?"""

    def __init__(self, rules: RuleResolver) -> None:
        self._rules = rules

    async def create(
        self, ctx: Context, name: str, obj: SelfSubjectRulesReview, validate: Validate
    ) -> ObjectResult:
        if not obj.spec.namespace:
            raise bad_request("no namespace on request")
        await validate(obj)
        found = self._rules.rules_for(ctx.user, obj.spec.namespace)
        status = SubjectRulesReviewStatus(
            resource_rules=tuple(
                ResourceRule(verbs=verbs, api_groups=groups, resources=resources, resource_names=names)
                for verbs, groups, resources, names in found.resources
            ),
            non_resource_rules=tuple(
                NonResourceRule(verbs=verbs, non_resource_urls=urls) for verbs, urls in found.paths
            ),
            incomplete=bool(found.error),
            evaluation_error=found.error,
        )
        return ObjectResult(replace(obj, status=status), created=True)


def access_reviews(authorizer: Authorizer, rules: RuleResolver) -> Mapping[str, Any]:
    """The REST objects of the group `authorization.k8s.io`, by plural."""
    return {
        "subjectaccessreviews": SubjectAccessReviews(authorizer),
        "localsubjectaccessreviews": LocalSubjectAccessReviews(authorizer),
        "selfsubjectaccessreviews": SelfSubjectAccessReviews(authorizer),
        "selfsubjectrulesreviews": SelfSubjectRulesReviews(rules),
    }


def _subject(spec: SubjectAccessReviewSpec) -> UserInfo:
    return UserInfo(username=spec.user, uid=spec.uid, groups=spec.groups, extra=spec.extra)


async def _status(
    authorizer: Authorizer, user: UserInfo, spec: SubjectAccessReviewSpec
) -> SubjectAccessReviewStatus:
    verdict = await authorizer.authorize(_attributes(user, spec))
    return SubjectAccessReviewStatus(
        allowed=verdict.decision is Decision.ALLOW,
        denied=verdict.decision is Decision.DENY,
        reason=verdict.reason,
    )


def _attributes(user: UserInfo, spec: SubjectAccessReviewSpec) -> Attributes:
    asked = spec.resource_attributes
    if asked is not None:
        return _resource_attributes(user, asked)
    path: NonResourceAttributes | None = spec.non_resource_attributes
    if path is None:
        raise ValueError("the review names neither a resource nor a path")
    return Attributes(user=user, verb=path.verb, path=path.path, resource_request=False)


def _resource_attributes(user: UserInfo, asked: ResourceAttributes) -> Attributes:
    return Attributes(
        user=user,
        verb=asked.verb,
        namespace=asked.namespace,
        api_group=asked.group,
        api_version=asked.version or "*",
        resource=asked.resource,
        subresource=asked.subresource,
        name=asked.name,
        label_selector=asked.label_selector.raw_selector if asked.label_selector else "",
        field_selector=asked.field_selector.raw_selector if asked.field_selector else "",
    )


def _refuse_invalid(kind: str, errors: list[FieldError]) -> None:
    if errors:
        raise invalid_object(f"{kind}.{GROUP}", "", errors)


def _metadata_errors(meta: ObjectMeta) -> list[FieldError]:
    bare = replace(meta, managed_fields=())
    return [] if bare == ObjectMeta() else [invalid(Path("metadata"), meta, "must be empty")]


def _local_errors(obj: LocalSubjectAccessReview) -> list[FieldError]:
    errors = _spec_errors(obj.spec)
    errors += _metadata_errors(replace(obj.metadata, namespace=""))
    asked = obj.spec.resource_attributes
    if asked is not None and asked.namespace != obj.metadata.namespace:
        where = Path("spec").child("resourceAttributes", "namespace")
        errors.append(invalid(where, asked.namespace, "must match metadata.namespace"))
    if obj.spec.non_resource_attributes is not None:
        where = _SPEC.child("nonResourceAttributes")
        errors.append(invalid(where, obj.spec.non_resource_attributes, "disallowed on this kind of request"))
    return errors


def _spec_errors(spec: SubjectAccessReviewSpec) -> list[FieldError]:
    errors = _attributes_errors(spec)
    if not spec.user and not spec.groups:
        where = _SPEC.child("user")
        errors.append(invalid(where, spec.user, "at least one of user or group must be specified"))
    return errors


def _attributes_errors(spec: SubjectAccessReviewSpec) -> list[FieldError]:
    resource, path = spec.resource_attributes, spec.non_resource_attributes
    if resource is not None and path is not None:
        where = _SPEC.child("nonResourceAttributes")
        return [invalid(where, path, "cannot be specified in combination with resourceAttributes")]
    if resource is None and path is None:
        where = _SPEC.child("resourceAttributes")
        message = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        return [invalid(where, None, message)]
    return []
