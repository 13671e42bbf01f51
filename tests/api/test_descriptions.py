"""Descriptions come from the installed package, from the right version, or are empty."""

from pathlib import Path

import pytest

from kube.api import descriptions as texts


@pytest.mark.parametrize(
    ("minors", "expected"),
    [
        ((31, 36, 37, 38), 37),
        ((31, 36), 36),
        ((38, 40), 38),
        ((), None),
    ],
)
def test_the_nearest_version_is_chosen(minors: tuple[int, ...], expected: int | None) -> None:
    names = {minor: f"v1.{minor}.0-local" for minor in minors}
    assert texts.newest_folder(names) == ("" if expected is None else f"v1.{expected}.0-local")


def test_texts_are_read_by_type_and_property(tmp_path: Path) -> None:
    folder = tmp_path / "v1.37.0-local"
    folder.mkdir()
    (tmp_path / "v1.37.0-local-strict").mkdir()
    (folder / "_definitions.json").write_text(
        """{"$defs": {"a.B": {"description": "A type.", "type": "object",
            "properties": {"c": {"description": "A field."}, "d": {"type": "string"}}}}}"""
    )
    found = texts.read(tmp_path)
    assert found.source == "v1.37.0-local"
    assert found.of("a.B").description == "A type."
    assert found.of("a.B").of("c") == "A field."
    assert found.of("a.B").of("d") == ""
    assert found.of("a.B").of("nope") == ""
    assert found.of("nope").description == ""


def test_a_folder_without_versions_has_no_texts(tmp_path: Path) -> None:
    assert texts.read(tmp_path).source == ""


def test_without_the_package_there_are_no_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "PACKAGE", "no_such_package")
    found = texts.descriptions.__wrapped__()
    assert found.source == ""
    assert found.of("io.k8s.api.core.v1.Pod").description == ""


def test_the_installed_package_describes_pods() -> None:
    found = texts.descriptions()
    if not found.source:
        pytest.skip("needs the extra 'explain'")
    assert found.of("io.k8s.api.core.v1.Pod").description
    assert found.of("io.k8s.api.core.v1.PodSpec").of("containers")
