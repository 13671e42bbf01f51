"""Query parameters as the options of a verb, with upstream's errors for what they cannot be.

Source of the semantics: k8s.io/apimachinery's conversion of query parameters and its validation of Get-, List-, Create-,
Update-, Patch- and DeleteOptions. Parameters that a verb does not know are ignored, of several values the first counts.
"""

from collections.abc import Callable
from typing import Final

from kube.apimachinery.errors import bad_request, invalid
from kube.apimachinery.field import FieldError, Path, forbidden, not_supported, too_long
from kube.apimachinery.field import invalid as invalid_field
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import DeleteOptions
from kube.apiserver.endpoints.requestinfo import Query, first, is_true
from kube.client.interface import NO_OPTIONS, Options

MAX_FIELD_MANAGER: Final = 128
FIELD_VALIDATION: Final = ("", "Ignore", "Strict", "Warn")
PROPAGATION_POLICIES: Final = ("Background", "Foreground", "Orphan")
EXACT: Final = "Exact"
NOT_OLDER_THAN: Final = "NotOlderThan"

_INT64: Final = range(-(2**63), 2**63)


def parse_options(verb: str, query: Query) -> Options:
    """The options of any verb; the body of a delete may replace them. Raises ApiError 400 or 422."""
    if not query:
        return NO_OPTIONS
    return _PARSERS[verb](query)


def _get(query: Query) -> Options:
    return Options(resource_version=_version(query))


def _list(query: Query) -> Options:
    """Of list and deletecollection; the options of the deletion itself are another matter."""
    options = Options(
        resource_version=_version(query),
        resource_version_match=first(query, "resourceVersionMatch"),
        label_selector=first(query, "labelSelector"),
        field_selector=first(query, "fieldSelector"),
        limit=_int(query, "limit") or 0,
        continue_=first(query, "continue"),
        timeout_seconds=_int(query, "timeoutSeconds"),
        allow_watch_bookmarks=_bool(query, "allowWatchBookmarks") or False,
        send_initial_events=_bool(query, "sendInitialEvents"),
    )
    _refuse("ListOptions", _list_errors(options))
    return options


def _watch(query: Query) -> Options:
    options = Options(
        resource_version=_version(query),
        resource_version_match=first(query, "resourceVersionMatch"),
        label_selector=first(query, "labelSelector"),
        field_selector=first(query, "fieldSelector"),
        limit=_int(query, "limit") or 0,
        continue_=first(query, "continue"),
        timeout_seconds=_int(query, "timeoutSeconds"),
        allow_watch_bookmarks=_bool(query, "allowWatchBookmarks") or False,
        send_initial_events=_bool(query, "sendInitialEvents"),
    )
    _refuse("ListOptions", _watch_errors(options))
    return options


def _delete_collection(query: Query) -> Options:
    listed = _list(query)
    return Options(
        resource_version=listed.resource_version,
        resource_version_match=listed.resource_version_match,
        label_selector=listed.label_selector,
        field_selector=listed.field_selector,
        limit=listed.limit,
        continue_=listed.continue_,
        dry_run=bool(query.get("dryRun")),
        delete=_delete_options(query),
    )


def _delete(query: Query) -> Options:
    return Options(dry_run=bool(query.get("dryRun")), delete=_delete_options(query))


def _write(kind: str) -> Callable[[Query], Options]:
    def parse(query: Query) -> Options:
        dry_run = tuple(query.get("dryRun", ()))
        manager = first(query, "fieldManager")
        validation = first(query, "fieldValidation")
        errors = [
            *_field_manager_errors(manager),
            *_dry_run_errors(dry_run),
            *_field_validation_errors(validation),
        ]
        force = _bool(query, "force") if kind == "PatchOptions" else None
        _refuse(kind, errors)
        return Options(dry_run=bool(dry_run), field_manager=manager, field_validation=validation, force=force)

    return parse


_PARSERS: Final[dict[str, Callable[[Query], Options]]] = {
    "get": _get,
    "list": _list,
    "watch": _watch,
    "create": _write("CreateOptions"),
    "update": _write("UpdateOptions"),
    "patch": _write("PatchOptions"),
    "delete": _delete,
    "deletecollection": _delete_collection,
}


def _delete_options(query: Query) -> DeleteOptions:
    options = DeleteOptions(
        grace_period_seconds=_int(query, "gracePeriodSeconds"),
        orphan_dependents=_bool(query, "orphanDependents"),
        propagation_policy=first(query, "propagationPolicy") if "propagationPolicy" in query else None,
        dry_run=tuple(query.get("dryRun", ())),
        ignore_store_read_error_with_cluster_breaking_potential=_bool(
            query, "ignoreStoreReadErrorWithClusterBreakingPotential"
        ),
    )
    check_delete_options(options)
    return options


def check_delete_options(options: DeleteOptions) -> None:
    """Raises ApiError 422."""
    errors: list[FieldError] = []
    policy = options.propagation_policy
    where = Path("propagationPolicy")
    if options.orphan_dependents is not None and policy is not None:
        message = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(invalid_field(where, policy, message))
    if policy is not None and policy not in PROPAGATION_POLICIES:
        errors.append(not_supported(where, policy, (*PROPAGATION_POLICIES, "nil")))
    errors += _dry_run_errors(options.dry_run)
    _refuse("DeleteOptions", errors)


def _list_errors(options: Options) -> list[FieldError]:
    errors: list[FieldError] = []
    where = Path("resourceVersionMatch")
    if match := options.resource_version_match:
        if not options.resource_version:
            errors.append(
                forbidden(where, "resourceVersionMatch is forbidden unless resourceVersion is provided")
            )
        errors += _continue_errors(options)
        if match not in (EXACT, NOT_OLDER_THAN):
            errors.append(not_supported(where, match, (EXACT, NOT_OLDER_THAN, "")))
        if match == EXACT and options.resource_version == "0":
            message = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            errors.append(forbidden(where, message))
    if options.send_initial_events is not None:
        message = "sendInitialEvents is forbidden for list"
        errors.append(forbidden(Path("sendInitialEvents"), message))
    return errors


def _watch_errors(options: Options) -> list[FieldError]:
    errors: list[FieldError] = []
    where = Path("resourceVersionMatch")
    match = options.resource_version_match
    if options.send_initial_events is not None and match != NOT_OLDER_THAN:
        message = f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER_THAN}"
        errors.append(forbidden(where, message))
    if match:
        if options.send_initial_events is None:
            message = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            errors.append(forbidden(where, message))
        if match != NOT_OLDER_THAN:
            errors.append(not_supported(where, match, (NOT_OLDER_THAN,)))
        errors += _continue_errors(options)
    return errors


def _continue_errors(options: Options) -> list[FieldError]:
    if not options.continue_:
        return []
    message = "resourceVersionMatch is forbidden when continue is provided"
    return [forbidden(Path("resourceVersionMatch"), message)]


def _field_manager_errors(manager: str) -> list[FieldError]:
    where = Path("fieldManager")
    errors = [] if len(manager.encode()) <= MAX_FIELD_MANAGER else [too_long(where, MAX_FIELD_MANAGER)]
    if not all(character.isprintable() for character in manager):
        errors.append(invalid_field(where, manager, "should only contain printable characters"))
    return errors


def _dry_run_errors(values: tuple[str, ...]) -> list[FieldError]:
    return [not_supported(Path("dryRun"), values, ("All",))] if set(values) - {"All"} else []


def _field_validation_errors(value: str) -> list[FieldError]:
    if value in FIELD_VALIDATION:
        return []
    return [not_supported(Path("fieldValidation"), value, FIELD_VALIDATION)]


def _refuse(kind: str, errors: list[FieldError]) -> None:
    if errors:
        raise invalid(f"{kind}.meta.k8s.io", "", errors)


def _version(query: Query) -> str | None:
    return first(query, "resourceVersion") if "resourceVersion" in query else None


def _bool(query: Query, key: str) -> bool | None:
    values = query.get(key)
    return is_true(values[0]) if values else None


def _int(query: Query, key: str) -> int | None:
    """As Go's strconv.ParseInt in base 10 with 64 bits, errors included."""
    values = query.get(key)
    if not values:
        return None
    text = values[0]
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdecimal()):
        raise bad_request(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    if len(digits.lstrip("0")) > 19 or (number := int(text)) not in _INT64:
        raise bad_request(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return number


def user_agent_manager(user_agent: str) -> str:
    """The field manager of a writer that names none: its user agent up to the first slash."""
    name = "".join(character for character in user_agent.partition("/")[0] if character.isprintable())
    return name.encode()[:MAX_FIELD_MANAGER].decode("utf-8", "ignore")
