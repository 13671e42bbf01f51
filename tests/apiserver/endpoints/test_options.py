"""Query parameters become options; impossible ones are refused as upstream refuses them."""

import pytest

from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import DeleteOptions
from kube.apiserver.endpoints.options import check_delete_options, parse_options, user_agent_manager
from kube.apiserver.endpoints.requestinfo import parse_query
from kube.client.interface import NO_OPTIONS, Options

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@pytest.mark.parametrize("verb", VERBS)
def test_no_query_is_no_options(verb):
    assert parse_options(verb, {}) is NO_OPTIONS


@pytest.mark.parametrize(
    ("verb", "query", "expected"),
    [
        ("get", "resourceVersion=12", Options(resource_version="12")),
        ("get", "resourceVersion=", Options(resource_version="")),
        ("get", "pretty=true&limit=x", Options()),
        (
            "list",
            "labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn&limit=500&continue=abc&timeoutSeconds=10",
            Options(
                label_selector="a=b,c", field_selector="spec.nodeName=n", limit=500, continue_="abc", timeout_seconds=10
            ),
        ),
        (
            "list",
            "resourceVersion=5&resourceVersionMatch=Exact",
            Options(resource_version="5", resource_version_match="Exact"),
        ),
        (
            "watch",
            "allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=%2B5",
            Options(allow_watch_bookmarks=True, resource_version="7", timeout_seconds=5),
        ),
        (
            "watch",
            "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1",
            Options(
                send_initial_events=True, resource_version_match="NotOlderThan", allow_watch_bookmarks=True
            ),
        ),
        (
            "create",
            "dryRun=All&fieldManager=me&fieldValidation=Strict&force=true",
            Options(dry_run=True, field_manager="me", field_validation="Strict"),
        ),
        ("patch", "force=true&fieldManager=m", Options(force=True, field_manager="m")),
        ("patch", "force=false", Options(force=False)),
        (
            "delete",
            "gracePeriodSeconds=0&propagationPolicy=Foreground&dryRun=All",
            Options(
                dry_run=True,
                delete=DeleteOptions(grace_period_seconds=0, propagation_policy="Foreground", dry_run=("All",)),
            ),
        ),
        (
            "deletecollection",
            "labelSelector=a&orphanDependents=true",
            Options(label_selector="a", delete=DeleteOptions(orphan_dependents=True)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_parameters(verb, query, expected):
    assert parse_options(verb, parse_query(query)) == expected


@pytest.mark.parametrize(
    ("verb", "query", "code", "message"),
    [
        ("list", "limit=abc", 400, 'strconv.ParseInt: parsing "abc": invalid syntax'),
        ("list", "limit=", 400, 'strconv.ParseInt: parsing "": invalid syntax'),
        ("list", "limit=1_0", 400, 'strconv.ParseInt: parsing "1_0": invalid syntax'),
        ("list", "limit=9223372036854775808", 400, 'strconv.ParseInt: parsing "9223372036854775808": value out of range'),
        ("list", "limit=" + "9" * 5000, 400, f'strconv.ParseInt: parsing "{"9" * 5000}": value out of range'),
        ("watch", "timeoutSeconds=1.5", 400, 'strconv.ParseInt: parsing "1.5": invalid syntax'),
        (
            "create", "dryRun=Some", 422,
            'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
        ),
        (
            "update", "fieldValidation=Maybe", 422,
            'UpdateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"',
        ),
        (
            "patch", "fieldManager=a%0Ab", 422,
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\nb": should only contain printable characters',
        ),
        (
            "list", "resourceVersionMatch=Exact", 422,
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
        ),
        (
            "list", "sendInitialEvents=true", 422,
            'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
        ),
        (
            "watch", "sendInitialEvents=true", 422,
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
        ),
        (
            "delete", "propagationPolicy=Sideways", 422,
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways": supported values: "Background", "Foreground", "Orphan", "nil"',
        ),
        (
            "delete", "propagationPolicy=Orphan&orphanDependents=true", 422,
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_refusals(verb, query, code, message):
    with pytest.raises(ApiError) as caught:
        parse_options(verb, parse_query(query))
    assert (caught.value.code, caught.value.message) == (code, message)


def test_delete_options_of_a_body_are_judged_alike():
    with pytest.raises(ApiError) as caught:
        check_delete_options(DeleteOptions(dry_run=("None",)))
    assert caught.value.code == 422


@pytest.mark.parametrize(
    ("agent", "manager"),
    [
        ("kubectl/v1.37.0 (linux/amd64) kubernetes/abc", "kubectl"),
        ("curl", "curl"),
        ("", ""),
        ("a\tb/1", "ab"),
        ("x" * 200, "x" * 128),
    ],
)
def test_a_user_agent_names_the_manager(agent, manager):
    assert user_agent_manager(agent) == manager
