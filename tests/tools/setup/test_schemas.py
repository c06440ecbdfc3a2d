import json
from pathlib import Path

import pytest

from tools.command import ToolError
from tools.setup import schemas

DEFINITIONS: dict[str, schemas.Schema] = {
    "Spec": {"properties": {"next": {"$ref": "/api/_definitions.json#/$defs/Spec"}}},
    "Other": {"type": "string"},
}


def test_the_newest_versions_are_chosen_by_number(tmp_path: Path) -> None:
    for minor in (9, 34, 100, 35, 36):
        (tmp_path / f"v1.{minor}.0-local-strict").mkdir()
        (tmp_path / f"v1.{minor}.0-local").mkdir()
    assert schemas.minors(tmp_path) == ["1.100.0", "1.36.0", "1.35.0", "1.34.0"]


def test_too_few_versions_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="0 versions, not 4"):
        schemas.minors(tmp_path)


def test_a_schema_holds_what_it_refers_to_even_when_that_refers_to_itself() -> None:
    schema = {
        "$id": "/api/kind.json",
        "description": "left out",
        "properties": {
            "description": {"type": "string", "description": "of a property called so"},
            "spec": {"$ref": "/api/_definitions.json#/$defs/Spec"},
        },
    }
    assert schemas.self_contained(schema, DEFINITIONS) == {
        "properties": {
            "description": {"type": "string"},
            "spec": {"$ref": "#/$defs/Spec"},
        },
        "$defs": {"Spec": {"properties": {"next": {"$ref": "#/$defs/Spec"}}}},
    }


def test_a_reference_of_another_form_is_an_error() -> None:
    with pytest.raises(ToolError, match="unknown form: elsewhere"):
        schemas.localize({"$ref": "elsewhere#/x"}, set())


@pytest.mark.parametrize(("version", "has_it"), [("1.34.0", False), ("1.35.0", True)])
def test_a_field_whose_gate_is_off_by_default_is_not_in_a_schema(
    version: str, has_it: bool
) -> None:
    rules: schemas.Schema = {"properties": {"policies": {}, "tolerance": {}}}
    made = schemas.as_by_default({"io.k8s.api.autoscaling.v2.HPAScalingRules": rules}, version)
    (schema,) = made.values()
    assert ("tolerance" in schema["properties"]) is has_it
    assert "policies" in schema["properties"]


def test_the_schemas_are_made_once_for_a_version_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "package"
    for minor in (34, 35, 36, 37):
        folder = package / f"v1.{minor}.0-local-strict"
        folder.mkdir(parents=True)
        (folder / "_definitions.json").write_text(json.dumps({"$defs": {}}), encoding="utf-8")
        (folder / "fragment.json").write_text("{}", encoding="utf-8")
        kind = {
            "x-kubernetes-group-version-kind": [],
            "properties": {"apiVersion": {}, "kind": {}, "metadata": {}},
        }
        (folder / "kind-v1.json").write_text(json.dumps(kind), encoding="utf-8")
    target = tmp_path / "tools" / "schemas"
    monkeypatch.setattr(schemas, "SCHEMAS", target)
    monkeypatch.setattr(schemas, "source", lambda: package)

    assert schemas.ensure()[0] == "1.37.0"
    assert [path.name for path in (target / "v1.34.0").iterdir()] == ["kind-v1.json"]
    assert "1.37.0, 1 kinds" in capsys.readouterr().out
    schemas.ensure()
    assert capsys.readouterr().out == "", "nothing to do the second time"

    monkeypatch.setattr(schemas, "version", lambda _: "another")
    schemas.ensure()
    assert "1.37.0, 1 kinds" in capsys.readouterr().out, "redone for another version"
    assert [path.name for path in target.parent.iterdir()] == ["schemas"], "no half-made folder"
