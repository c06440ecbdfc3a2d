import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.manifests import faults
from tools.command import ROOT, ToolError
from tools.setup import crds, schemas

DEFINITION: dict[str, Any] = {
    "kind": "CustomResourceDefinition",
    "spec": {
        "group": "example.com",
        "names": {"kind": "BoatYard"},
        "versions": [
            {"name": "v1beta1", "storage": False, "schema": {}},
            {
                "name": "v1",
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "description": "left out",
                        "properties": {
                            "description": {"type": "string"},
                            "anything": {
                                "type": "object",
                                "properties": {},
                                "x-kubernetes-preserve-unknown-fields": True,
                            },
                            "labels": {
                                "type": "object",
                                "additionalProperties": {"type": "string"},
                            },
                        },
                    }
                },
            },
        ],
    },
}


def test_the_stored_version_becomes_a_schema_that_refuses_unknown_fields() -> None:
    assert crds.convert(DEFINITION, "module@v1") == (
        "boatyard-example-v1.json",
        {
            "$comment": "module@v1",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "description": {"type": "string"},
                "anything": {"type": "object", "properties": {}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    )


def test_what_is_kept_is_of_the_versions_that_are_named() -> None:
    kept = [json.loads(path.read_bytes())["$comment"] for path in crds.FOLDER.iterdir()]
    assert sorted(kept) == sorted(module for module, paths in crds.SOURCES.items() for _ in paths)


def test_every_version_is_among_the_dependencies() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for module in crds.SOURCES:
        name, _, version = module.partition("@v")
        host, *parts = name.split("/")
        assert f"| {parts[1 if host == 'github.com' else 0]} {version} |" in text


@pytest.mark.parametrize(
    ("now", "then", "fault"),
    [
        ("refreshInterval", "refreshIntervall", "additional properties 'refreshIntervall'"),
        ("kind: ClusterSecretStore", "kind: Vault", "value must be one of"),
        ("key: slipway/database", "keys: slipway/database", "missing property 'key'"),
    ],
)
def test_a_damaged_custom_resource_is_not_valid(now: str, then: str, fault: str) -> None:
    path = ROOT / "k8s" / "components" / "external-secrets" / "externalsecret.yaml"
    text = path.read_text(encoding="utf-8")
    version = schemas.ensure()[0]
    assert faults(text, version) == []
    assert fault in " ".join(faults(text.replace(now, then), version))


def test_a_module_that_cannot_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = CompletedProcess(["go"], 1, stdout='{"Error": "not found"}', stderr="")
    monkeypatch.setattr(crds, "run", lambda *_, **__: answer)
    with pytest.raises(ToolError, match=r"^example\.com/module@v1: .*not found"):
        crds.download("example.com/module@v1")
