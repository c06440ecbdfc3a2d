"""What kubeconform refuses, in the overlays and components of this repository and in fixtures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gitops import kubeconform, programs
from gitops.checks.validated import validated
from gitops.cli import cli
from gitops.kubeconform import Verdict
from gitops.objects import Object
from tests.manifests import faults
from tools import overlay
from tools.command import ROOT, ToolError
from tools.setup import schemas

FIXTURES = ROOT / "tests" / "k8s" / "fixtures"
TOO_OLD = "at '/spec/behavior/scaleUp': additional properties 'tolerance' not allowed"


@pytest.fixture(scope="session")
def versions() -> list[str]:
    return schemas.ensure()


@pytest.fixture
def root(tmp_path: Path, versions: list[str]) -> Path:
    """A copy of this repository's manifests, with what validates them beside it."""
    assert len(versions) == 4
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    (tmp_path / ".tools").symlink_to(ROOT / ".tools")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/definitions").symlink_to(ROOT / "tools/definitions")
    return tmp_path / "k8s"


@pytest.fixture
def newest(root: Path, versions: list[str]) -> Path:
    """The same for one Kubernetes minor alone, the newest: four take four times as long."""
    return only(root, versions[0])


@pytest.fixture
def oldest(root: Path, versions: list[str]) -> Path:
    """The same for the oldest minor alone."""
    return only(root, versions[-1])


def only(root: Path, version: str) -> Path:
    edit(root / "gitops.yaml", "schemas:\n", f"schemas:\n  kubernetes: [{version}]\n")
    return root


def check(root: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["check", str(root), "--only", "schema", *options])


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_overlay_and_component_is_valid_for_four_kubernetes_minors(
    root: Path, versions: list[str]
) -> None:
    result = check(root, "--json")

    document = json.loads(result.output)
    assert (result.exit_code, document["findings"]) == (0, [])
    assert document["kubernetes"] == versions
    assert {f"overlays/{env}" for env in overlay.environments()} <= {*document["overlays"]}
    names = {name.rpartition("/")[2] for name in document["components"]}
    assert names >= {"external-secrets", "hpa-tolerance", "monitoring", "notifications"}
    assert "components" not in document["skipped"]


def test_a_component_that_no_overlay_includes_is_validated(newest: Path) -> None:
    edit(newest / "components/external-secrets/externalsecret.yaml", "refreshInterval", "refresh")

    result = check(newest)

    assert result.exit_code == 1
    assert "components/external-secrets/externalsecret.yaml:" in result.output
    assert "additional properties 'refresh' not allowed" in result.output
    assert "[overlays/prod with components/external-secrets]" in result.output


def test_a_fault_has_the_same_words_in_whatever_order_kubeconform_says_them() -> None:
    told = "problem validating: - at '/spec': additional properties {} not allowed\n - at '/a': x"

    one, other = (list(kubeconform.split(told.format(n))) for n in ("'b', 'a'", "'a', 'b'"))

    assert one == other == ["at '/spec': additional properties 'a', 'b' not allowed", "at '/a': x"]


def test_a_component_that_does_not_render_is_found(newest: Path) -> None:
    edit(newest / "components/gateway/kustomization.yaml", "httproute.yaml", "absent.yaml")

    result = check(newest)

    assert result.exit_code == 1
    assert "absent.yaml" in result.output
    assert "[overlays/prod with components/gateway]" in result.output


def test_an_unused_component_that_is_not_declared_is_named(newest: Path) -> None:
    config = newest / "gitops.yaml"
    text = config.read_text(encoding="utf-8")
    before, _, after = text.partition("optional:\n")
    config.write_text(before + after.partition("\n\n")[2], encoding="utf-8")

    result = check(newest)

    assert result.exit_code == 0
    assert "not checked: components: components/external-secrets, " in result.output


def test_a_declaration_of_a_component_that_is_not_there_is_stale(newest: Path) -> None:
    edit(newest / "gitops.yaml", "components/notifications", "components/absent")

    result = check(newest)

    assert result.exit_code == 1
    assert "gitops.yaml" in result.output


def test_a_version_that_a_component_is_not_for_is_left_out_and_named(oldest: Path) -> None:
    result = check(oldest)

    assert result.exit_code == 0
    assert "schema of components/hpa-tolerance: Kubernetes 1.34.0" in result.output
    edit(oldest / "components/hpa-tolerance/kustomization.yaml", '"1.35"', '"1.34"')
    assert f"{TOO_OLD} (Kubernetes 1.34.0)" in check(oldest).output


def test_an_overlay_that_includes_it_all_the_same_is_rejected(oldest: Path) -> None:
    prod = oldest / "overlays/prod/kustomization.yaml"
    edit(prod, "  - release", "  - ../../components/hpa-tolerance\n  - release")

    result = check(oldest)

    assert f"{TOO_OLD} (Kubernetes 1.34.0) [overlays/prod]" in result.output


def test_which_versions_the_clusters_have_may_be_declared(root: Path) -> None:
    prod = root / "overlays/prod/kustomization.yaml"
    edit(prod, "  - release", "  - ../../components/hpa-tolerance\n  - release")
    edit(root / "gitops.yaml", "schemas:\n", "schemas:\n  kubernetes: [1.37.0, 1.35.0]\n")

    result = check(root)

    assert result.exit_code == 0
    assert "against Kubernetes 1.37.0, 1.35.0," in result.output


@pytest.mark.parametrize(
    ("fixture", "reason"),
    [
        (
            "unknown-field.yaml",
            "Deployment unknown-field: at '/spec': additional properties 'replica' not allowed",
        ),
        (
            "wrong-type.yaml",
            "Service wrong-type: at '/spec/ports/0/port': got string, want integer",
        ),
        (
            "unknown-field-custom.yaml",
            "at '/spec/endpoints/0': additional properties 'intervall' not allowed",
        ),
        (
            "unknown-field-application.yaml",
            "Application slipway-dev: at '/spec/destination': additional properties 'namespaces'",
        ),
        (
            "unknown-field-kustomization.yaml",
            "Kustomization slipway-dev: at '/spec': additional properties 'dependOn' not allowed",
        ),
        ("unknown-kind.yaml", "Deploiment unknown-kind: could not find schema for Deploiment"),
    ],
)
def test_what_is_not_valid_is_rejected_with_the_reason(
    versions: list[str], fixture: str, reason: str
) -> None:
    text = (FIXTURES / fixture).read_text(encoding="utf-8")
    for version in versions:
        assert any(reason in fault for fault in faults(text, version))


def test_a_duplicate_key_is_rejected(versions: list[str]) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\ndata: {a: c}\n"
    assert 'key "data" already set' in " ".join(faults(text, versions[0]))


@pytest.mark.parametrize(
    ("fixture", "reason"),
    [
        ("broken-kustomization", "absent.yaml"),
        ("deprecated-kustomization", "kustomization.yaml:4: note: `commonLabels` is deprecated"),
    ],
)
def test_a_kustomization_that_kustomize_refuses_or_warns_of_is_rejected(
    fixture: str, reason: str
) -> None:
    result = CliRunner().invoke(cli, ["check", str(FIXTURES / fixture), "--fail-on", "note"])
    assert result.exit_code == 1
    assert reason in result.output


def test_objects_of_one_name_are_told_apart(versions: list[str]) -> None:
    head = {"apiVersion": "v1", "kind": "ConfigMap"}
    things = [
        Object({**head, "metadata": {"name": name, "namespace": space}, "data": data})
        for name, space, data in (
            *(("a", "one", {"face": "\U0001f600"}), ("a", "two", {"wrong": 1})),
            *(("b", "one", {"wrong": [2]}), ("b", "two", {"k" * 2000: "long"}), ("c", "one", {})),
        )
    ]
    found = validated(things, versions[0], (schemas.LOCATION,))
    faulty = [[bool(verdict.faults) for verdict in found[id(it.data)]] for it in things]
    assert faulty[:3] == [[False], [True], [True]]
    assert faulty[4] == [False]
    assert len(faulty[3]) == 1


def test_each_fault_of_a_message_is_one_line() -> None:
    message = (
        "jsonschema validation failed with 'file:///x#'\n"
        "- at '/spec': missing property 'selector'\n"
        "- at '/spec/template': got null,\n   want object"
    )
    assert list(kubeconform.split(message)) == [
        "at '/spec': missing property 'selector'",
        "at '/spec/template': got null, want object",
    ]


def test_a_missing_kubeconform_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "BUILT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="kubeconform is not installed: make"):
        kubeconform.validate([], "1.37.0", ())


def test_what_could_not_be_fetched_is_no_fault_of_an_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def validate(files: list[Path], *_: object) -> list[Verdict]:
        (file,) = files[0].iterdir()
        why = "failed downloading schema at https://example.com: 429 Too Many Requests"
        return [Verdict(str(file), "v1", "ConfigMap", "x", (why,))]

    monkeypatch.setattr(kubeconform, "validate", validate)
    (tmp_path / "kustomization.yaml").write_text("resources: [map.yaml]\n")
    (tmp_path / "map.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    argv = ["check", str(tmp_path), "--only", "schema", "--schema-location", "default"]
    result = CliRunner().invoke(cli, argv)

    assert result.exit_code == 2
    assert "Error: schema: 1 object not validated: failed downloading schema at" in result.output
    assert "0 findings" in result.output
