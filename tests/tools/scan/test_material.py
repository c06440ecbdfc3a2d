from pathlib import Path

import pytest
import yaml

from tools import overlay
from tools.scan import material
from tools.scan.material import Material, Place

OBJECT = "kind: {}\nmetadata: {{name: {}, namespace: {}}}\n"


def test_what_ships_is_every_overlay_and_the_dockerfile() -> None:
    shipped = material.repository()
    assert list(shipped.overlays) == overlay.environments()
    assert set(shipped.files) == {"Dockerfile"}


def test_each_object_and_file_is_a_file_of_its_own(tmp_path: Path) -> None:
    text = "---\n".join(OBJECT.format(kind, "x", "n") for kind in ("Pod", "Service"))
    places = Material({"dev": text}, {".github/a": "b"}).write(tmp_path)
    assert set(places.values()) == {
        *(Place("dev", "Pod/x"), Place("dev", "Service/x")),
        Place("", ".github/a"),
    }
    assert (tmp_path / ".github/a").read_text() == "b"
    for path in (path for path, place in places.items() if place.overlay):
        assert f"dev: {yaml.safe_load((tmp_path / path).read_text())['kind']}/x" == str(
            places[path]
        )


def test_objects_of_one_name_in_two_namespaces_are_both_scanned(tmp_path: Path) -> None:
    text = "---\n".join(OBJECT.format("Pod", "x", namespace) for namespace in "ab")
    (path,) = Material({"dev": text}, {}).write(tmp_path)
    written = overlay.objects((tmp_path / path).read_text())
    assert [each["metadata"]["namespace"] for each in written] == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "named", "is_called"),
    [
        ("ConfigMap", "slipway-t8f6dk5cm2", "slipway"),
        ("Secret", "slipway-t8f6dk5cm2", "slipway"),
        ("Deployment", "slipway-deployment", "slipway-deployment"),
    ],
)
def test_only_a_generated_name_loses_its_end(kind: str, named: str, is_called: str) -> None:
    manifest = {"kind": kind, "metadata": {"name": named}}
    assert material.name(manifest) == f"{kind}/{is_called}"


@pytest.mark.parametrize("comment", ["#trivy:ignore:*", "# trivy:ignore:DS-0026"])
def test_a_comment_that_asks_to_look_away_says_nothing_in_the_copy(
    tmp_path: Path, comment: str
) -> None:
    Material({}, {"Dockerfile": f"{comment}\nFROM a:b\n"}).write(tmp_path)
    written = (tmp_path / "Dockerfile").read_text()
    assert ":ignore" not in written
    assert written.endswith("\nFROM a:b\n")


def test_an_overlay_or_file_that_was_not_scanned_is_reported() -> None:
    given = Material({"dev": "", "prod": ""}, {"Dockerfile": "", "ci.yaml": ""})
    scanned = {Place("prod", "Pod/x"), Place("", "Dockerfile")}
    assert given.unscanned(scanned) == ["ci.yaml", "dev"]
    assert given.only(["*Dockerfile"]).unscanned(scanned) == ["dev"]
