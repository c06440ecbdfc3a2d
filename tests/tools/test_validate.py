from pathlib import Path

import pytest

from tools import overlay, validate
from tools.command import ROOT, ToolError
from tools.setup import schemas

FIXTURES = ROOT / "tests" / "k8s" / "fixtures"


@pytest.fixture(scope="session")
def versions() -> list[str]:
    return schemas.ensure()


def run(monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    monkeypatch.setattr("sys.argv", ["validate", *argv])
    validate.main()


def test_every_overlay_is_valid_for_four_kubernetes_minors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], versions: list[str]
) -> None:
    assert len(versions) == 4
    run(monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    for env in overlay.environments():
        count = len(overlay.rendered(env))
        for version in versions:
            assert f"k8s/overlays/{env}, Kubernetes {version}: ok, {count} objects valid" in lines


def test_a_component_that_no_overlay_takes_is_validated_in_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], versions: list[str]
) -> None:
    names = {path.name for path in validate.optional()}
    assert names >= {"external-secrets", "hpa-tolerance", "monitoring", "notifications"}
    run(monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    for name in names:
        told = [line for line in lines if line.startswith(f"k8s/components/{name}, Kubernetes ")]
        assert len(told) == len(versions)


def test_a_version_that_a_component_is_not_for_is_said_to_be_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], versions: list[str]
) -> None:
    run(monkeypatch, "k8s/components/hpa-tolerance")
    *lines, _ = capsys.readouterr().out.splitlines()
    said = dict(line.removeprefix("k8s/components/hpa-tolerance, ").split(": ") for line in lines)
    old = "Kubernetes 1.34.0"
    assert said.pop(old) == "left out, the component needs a newer one"
    assert said.keys() == {f"Kubernetes {version}" for version in versions} - {old}
    assert all(each.startswith("ok, ") for each in said.values())


@pytest.fixture
def tolerant(tmp_path: Path) -> Path:
    """A repository whose prod takes a component that Kubernetes 1.34 cannot do."""
    overlay.copy_with("hpa-tolerance", "prod", tmp_path)
    (tmp_path / ".tools").symlink_to(ROOT / ".tools")
    return tmp_path


TOO_OLD = "at '/spec/behavior/scaleUp': additional properties 'tolerance' not allowed"


def test_an_overlay_that_takes_it_all_the_same_is_rejected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tolerant: Path
) -> None:
    with pytest.raises(ToolError, match="3 faults in 1 paths"):
        run(monkeypatch, str(tolerant / "k8s/overlays/prod"))
    said = capsys.readouterr().out
    assert TOO_OLD in said
    assert "Kubernetes 1.34.0: FAILED" in said
    assert "Kubernetes 1.35.0: ok" in said


def test_what_the_clusters_have_may_be_declared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tolerant: Path
) -> None:
    config = tolerant / validate.CONFIG
    text = config.read_text(encoding="utf-8")
    newer = "schemas:\n  kubernetes: [1.37.0, 1.35.0]\n"
    config.write_text(text.replace("schemas:\n", newer), encoding="utf-8")
    monkeypatch.setattr(validate, "ROOT", tolerant)
    run(monkeypatch, str(tolerant / "k8s/overlays/prod"))
    assert capsys.readouterr().out.endswith("valid for Kubernetes 1.37.0, 1.35.0\n")


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
        ("broken-kustomization", "absent.yaml"),
        ("deprecated-kustomization", "Warning: 'commonLabels' is deprecated"),
        ("absent", "No such file or directory"),
    ],
)
def test_what_is_wrong_is_rejected_with_file_and_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fixture: str, reason: str
) -> None:
    path = str(FIXTURES / fixture)
    with pytest.raises(ToolError, match=r"^\d+ faults in 1 paths against 4 versions$"):
        run(monkeypatch, path)
    said = capsys.readouterr().out
    assert any(path in line and reason in line for line in said.splitlines())


@pytest.mark.usefixtures("versions")
def test_every_fault_of_every_path_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("unknown-field.yaml", "wrong-type.yaml", "unknown-kind.yaml")
    with pytest.raises(ToolError, match="12 faults in 3 paths"):
        run(monkeypatch, *[str(FIXTURES / name) for name in names])
    assert all(name in capsys.readouterr().out for name in names[:1])


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n"])
def test_a_file_without_objects_is_not_valid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ToolError, match="faults in 1 paths"):
        run(monkeypatch, str(path))


def test_a_key_given_twice_is_rejected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "twice.yaml"
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\ndata: {a: c}\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ToolError, match="faults in 1 paths"):
        run(monkeypatch, str(path))
    assert 'key "data" already set' in capsys.readouterr().out


def test_two_faults_in_one_message_are_two_lines() -> None:
    message = (
        "jsonschema validation failed with 'file:///x#'\n"
        "- at '/spec': missing property 'selector'\n"
        "- at '/spec/template': got null,\n   want object"
    )
    assert validate.reasons(message) == [
        "at '/spec': missing property 'selector'",
        "at '/spec/template': got null, want object",
    ]


def test_a_missing_kubeconform_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(validate, "ROOT", tmp_path)
    with pytest.raises(ToolError, match="kubeconform is not there: `make validate` builds it"):
        validate.check("kind: x", "1.37.0")
