import pytest

from kube.api.helpers.images import ImageName, default_pull_policy, parse_image_name

DIGEST = f"sha256:{'ab' * 32}"
CASES = {
    "nginx": ImageName("docker.io/library/nginx", "latest", ""),
    "nginx:1.25": ImageName("docker.io/library/nginx", "1.25", ""),
    "me/app": ImageName("docker.io/me/app", "latest", ""),
    "localhost/app": ImageName("localhost/app", "latest", ""),
    "r.io:5000/a/b:v1": ImageName("r.io:5000/a/b", "v1", ""),
    f"r.io/a@{DIGEST}": ImageName("r.io/a", "", DIGEST),
    f"r.io/a:v1@{DIGEST}": ImageName("r.io/a", "v1", DIGEST),
    "index.docker.io/nginx": ImageName("docker.io/library/nginx", "latest", ""),
    "[::1]:5000/a": ImageName("[::1]:5000/a", "latest", ""),
    "Nginx": None,
    "a b": None,
    "": None,
    "nginx:": None,
    "ab" * 32: None,
}


@pytest.mark.parametrize(("image", "expected"), CASES.items(), ids=[name or "empty" for name in CASES])
def test_parts(image, expected):
    assert parse_image_name(image) == expected


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        (f"nginx@{DIGEST}", "IfNotPresent"),
        ("NGINX", "IfNotPresent"),
    ],
)
def test_pull_policy(image, policy):
    assert default_pull_policy(image) == policy
