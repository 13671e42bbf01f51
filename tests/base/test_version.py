import tomllib
from pathlib import Path

from kube.base import version


def test_the_version_is_the_projects():
    project = Path(__file__).parents[2] / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["version"] == version.VERSION


def test_the_emulated_version_agrees_with_itself():
    major, minor, _ = version.KUBERNETES_GIT_VERSION.removeprefix("v").split(".")
    assert (major, minor) == (version.KUBERNETES_MAJOR, version.KUBERNETES_MINOR)
