import pickle

import msgspec
import pytest

from kube.apimachinery import errors, field
from kube.apimachinery.errors import ApiError
from kube.apimachinery.field import Path
from kube.apimachinery.meta.v1 import Status, StatusCause
from kube.apimachinery.version import GroupKind, GroupResource

DEPLOYMENTS = GroupResource("apps", "deployments")


@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        (errors.not_found("pods", "x"), 404, "NotFound", 'pods "x" not found'),
        (errors.not_found(DEPLOYMENTS, "x"), 404, "NotFound", 'deployments.apps "x" not found'),
        (errors.already_exists("pods", "x"), 409, "AlreadyExists", 'pods "x" already exists'),
        (
            errors.generate_name_conflict("pods", "x", 1),
            409,
            "AlreadyExists",
            'pods "x" already exists, the server was not able to generate a unique name for the object',
        ),
        (
            errors.conflict("pods", "x"),
            409,
            "Conflict",
            (
                'Operation cannot be fulfilled on pods "x": the object has been modified; please apply your changes to the'
                " latest version and try again"
            ),
        ),
        (errors.unauthorized(), 401, "Unauthorized", "not authorized"),
        (errors.unauthorized("Unauthorized"), 401, "Unauthorized", "Unauthorized"),
        (errors.forbidden("pods", "x", "no"), 403, "Forbidden", 'pods "x" is forbidden: no'),
        (errors.forbidden("pods", "", "no"), 403, "Forbidden", "pods is forbidden: no"),
        (errors.forbidden("", "x", "no"), 403, "Forbidden", "forbidden: no"),
        (errors.gone("too late"), 410, "Gone", "too late"),
        (errors.too_old_resource_version(1, 5), 410, "Expired", "too old resource version: 1 (5)"),
        (errors.bad_request("what?"), 400, "BadRequest", "what?"),
        (errors.too_many_requests("slow down", 7), 429, "TooManyRequests", "slow down"),
        (errors.service_unavailable("later"), 503, "ServiceUnavailable", "later"),
        (
            errors.method_not_supported(DEPLOYMENTS, "patch"),
            405,
            "MethodNotAllowed",
            'patch is not supported on resources of kind "deployments.apps"',
        ),
        (
            errors.server_timeout("pods", "list", 2),
            500,
            "ServerTimeout",
            "The list operation against pods could not be completed at this time, please try again.",
        ),
        (errors.internal_error(ValueError("boom")), 500, "InternalError", "Internal error occurred: boom"),
        (errors.timeout("slow", 3), 504, "Timeout", "Timeout: slow"),
        (
            errors.too_large_resource_version(100, 50, 1),
            504,
            "Timeout",
            "Timeout: Too large resource version: 100, current: 50",
        ),
        (
            errors.request_entity_too_large("limit is 3145728"),
            413,
            "RequestEntityTooLarge",
            "Request entity too large: limit is 3145728",
        ),
        (
            errors.unsupported_media_type(["application/json", "application/yaml"]),
            415,
            "UnsupportedMediaType",
            (
                "the body of the request was in an unknown format - accepted media types include: application/json,"
                " application/yaml"
            ),
        ),
        (
            errors.not_acceptable(["application/json"]),
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json",
        ),
        (errors.generic(404, "GET"), 404, "NotFound", "the server could not find the requested resource"),
        (errors.generic(409, "POST"), 409, "AlreadyExists", "the server reported a conflict"),
        (
            errors.generic(409, "PUT", "pods", "x"),
            409,
            "Conflict",
            "the server reported a conflict (put pods x)",
        ),
        (errors.generic(403, "GET", "pods", server_message="no"), 403, "Forbidden", "no (get pods)"),
        (
            errors.generic(502, "GET", server_message="oops"),
            502,
            "InternalError",
            'an error on the server ("oops") has prevented the request from succeeding',
        ),
        (
            errors.generic(418, "GET"),
            418,
            "",
            "the server responded with the status code 418 but did not return more information",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reasons_speak_upstreams_words(error, code, reason, message):
    assert (error.code, error.reason, error.message, str(error)) == (code, reason, message, message)
    assert errors.from_status(error.to_status()).to_status() == error.to_status()


def test_not_found_is_this_status_on_the_wire():
    assert msgspec.json.decode(msgspec.json.encode(errors.not_found(DEPLOYMENTS, "x").to_status())) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'deployments.apps "x" not found',
        "reason": "NotFound",
        "details": {"name": "x", "group": "apps", "kind": "deployments"},
        "code": 404,
    }


def test_invalid_has_one_cause_per_field():
    spec = Path("spec")
    faults = [
        field.required(spec.child("a")),
        field.invalid(spec.child("b"), "x", "no"),
        field.required(spec.child("a")),
    ]
    error = errors.invalid(GroupKind("apps", "Deployment"), "web", faults)
    assert error.message == (
        'Deployment.apps "web" is invalid: [spec.a: Required value, spec.b: Invalid value: "x": no]'
    )
    assert error.causes == (
        StatusCause(reason="FieldValueRequired", message="Required value", field="spec.a"),
        StatusCause(reason="FieldValueInvalid", message='Invalid value: "x": no', field="spec.b"),
        StatusCause(reason="FieldValueRequired", message="Required value", field="spec.a"),
    )
    assert errors.invalid("Pod", "p", []).message == 'Pod "p" is invalid'


def test_an_error_asks_for_a_delay_only_when_told():
    assert errors.too_many_requests("x", 7).retry_after_seconds == 7
    assert errors.bad_request("x").retry_after_seconds == 0


def test_causes_can_be_asked_for():
    assert errors.too_large_resource_version(2, 1, 1).has_cause(errors.CAUSE_RESOURCE_VERSION_TOO_LARGE)
    assert not errors.bad_request("x").has_cause(errors.CAUSE_RESOURCE_VERSION_TOO_LARGE)
    unexpected = errors.generic(500, "GET", server_message="<html>", unexpected=True)
    assert unexpected.causes == (StatusCause(reason="UnexpectedServerResponse", message="<html>"),)


_PREDICATES = {
    errors.is_not_found: errors.not_found("pods", "x"),
    errors.is_already_exists: errors.already_exists("pods", "x"),
    errors.is_conflict: errors.conflict("pods", "x"),
    errors.is_invalid: errors.invalid("Pod", "x", []),
    errors.is_gone: errors.gone("x"),
    errors.is_expired: errors.expired("x"),
    errors.is_bad_request: errors.bad_request("x"),
    errors.is_unauthorized: errors.unauthorized(),
    errors.is_forbidden: errors.forbidden("pods", "x", "y"),
    errors.is_method_not_supported: errors.method_not_supported("pods", "x"),
    errors.is_not_acceptable: errors.not_acceptable([]),
    errors.is_unsupported_media_type: errors.unsupported_media_type([]),
    errors.is_timeout: errors.timeout("x"),
    errors.is_server_timeout: errors.server_timeout("pods", "x", 0),
    errors.is_internal_error: errors.internal_error("x"),
    errors.is_service_unavailable: errors.service_unavailable("x"),
    errors.is_too_many_requests: errors.too_many_requests("x", 0),
    errors.is_request_entity_too_large: errors.request_entity_too_large("x"),
}


@pytest.mark.parametrize("predicate", _PREDICATES, ids=lambda predicate: predicate.__name__)
def test_predicate_knows_its_own_reason_only(predicate):
    matching = [made for made, error in _PREDICATES.items() if predicate(error)]
    assert matching == [predicate]
    assert not predicate(None)
    assert not predicate(ValueError("x"))


def test_the_code_decides_when_the_reason_is_unknown():
    assert errors.is_not_found(ApiError(404, "Custom", "x"))
    assert not errors.is_not_found(ApiError(404, "Gone", "x"))
    assert errors.is_too_many_requests(ApiError(429, "Gone", "x"))
    assert errors.is_resource_version_too_old(errors.expired("x"))


def test_survives_pickling():
    again = pickle.loads(pickle.dumps(errors.not_found("pods", "x")))
    assert again.to_status() == errors.not_found("pods", "x").to_status()


def test_reads_a_status_of_another_server():
    status = msgspec.json.decode(
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":409}', type=Status
    )
    assert errors.is_conflict(errors.from_status(status))
