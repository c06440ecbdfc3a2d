"""A release is only written where what is rendered depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gitops import programs
from gitops.cli import cli
from tests.clone import commit, git
from tests.gitops.test_cases import written

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: app, image: "r.example/shop:0"}]}
"""
HOT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec: {{template: {{spec: {{containers: [{{name: app, image: "r.example/shop:9@{THREE}"}}]}}}}}}
"""
OVERLAY = "resources: [../base]\ncomponents: [release]\n"
PATCHED = f"{OVERLAY}patches: [{{path: hot.yaml}}]\n"
HIDDEN = "does not render what it pins"


def release(digest: str) -> str:
    entry = f"{{name: r.example/shop, newTag: v{digest[7]}, digest: {digest}}}"
    return f"kind: Component\nimages:\n  - {entry} # people read this\n"


def repository(root: Path, **files: str) -> Path:
    """Write one where dev has the second release and prod the first, and commit it."""
    overlays = {f"{name}/kustomization.yaml": OVERLAY for name in ("dev", "prod")}
    written(root, {"base/kustomization.yaml": "resources: [d.yaml]\n", "base/d.yaml": DEPLOYMENT})
    written(root, {**overlays, "dev/release/kustomization.yaml": release(TWO)})
    git(root, "init", "--quiet", "--initial-branch", "main")
    for digest in (TWO, ONE):
        written(root, {"prod/release/kustomization.yaml": release(digest)})
        commit(root)
    written(root, files)
    commit(root)
    return root


def run(root: Path, *argv: str) -> Result:
    command, *options = argv
    return CliRunner().invoke(cli, [command, str(root), *options])


def promote(root: Path) -> Result:
    return run(root, "promote", "--from=dev", "--to=prod", "--without-ledger")


def changed(root: Path) -> list[str]:
    return git(root, "diff", "--name-only").splitlines()


@pytest.mark.parametrize(
    "argv",
    [
        ("promote", "--from=dev", "--to=prod", "--without-ledger"),
        ("pin", "--env=prod", "--tag=v3", f"--digest={THREE}"),
        ("rollback", "--env=prod"),
    ],
    ids=lambda argv: argv[0],
)
def test_what_a_later_override_hides_is_not_written(tmp_path: Path, argv: tuple[str, ...]) -> None:
    root = repository(tmp_path, **{"prod/hot.yaml": HOT, "prod/kustomization.yaml": PATCHED})

    result = run(root, *argv)

    assert (result.exit_code, changed(root)) == (1, []), result.output
    assert f"prod {HIDDEN} (v1@sha256:111111111111)" in result.output


def test_a_release_that_the_source_does_not_render_is_not_promoted(tmp_path: Path) -> None:
    root = repository(tmp_path, **{"dev/hot.yaml": HOT, "dev/kustomization.yaml": PATCHED})

    result = promote(root)

    assert (result.exit_code, changed(root)) == (1, []), result.output
    assert f"dev {HIDDEN} (v2@sha256:222222222222)" in result.output


@pytest.mark.parametrize(
    "files",
    [
        {"prod/kustomization.yaml": f"{PATCHED}# it does not render: there is no such patch\n"},
        {"base/kustomization.yaml": "resources: [d.yaml, 'https://git.example/a/b//c?ref=v1']\n"},
        {"base/kustomization.yaml": "resources: []\n"},
    ],
    ids=["does not render", "remote", "renders to nothing"],
)
def test_what_cannot_be_told_is_no_reason_to_refuse(tmp_path: Path, files: dict[str, str]) -> None:
    root = repository(tmp_path, **files)

    assert promote(root).exit_code == 0
    assert changed(root) == ["prod/release/kustomization.yaml"]


def test_a_kustomization_that_is_a_link_is_written_where_it_leads(tmp_path: Path) -> None:
    root = repository(tmp_path, **{"prod/release/pin.yaml": release(ONE)})
    link = root / "prod/release/kustomization.yaml"
    link.unlink()
    link.symlink_to("pin.yaml")
    commit(root)

    result = promote(root)

    assert (result.exit_code, changed(root)) == (0, ["prod/release/pin.yaml"]), result.output
    assert link.is_symlink()
    assert link.read_text() == release(TWO)


def test_without_the_renderer_the_text_says_that_it_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path)
    monkeypatch.setattr(programs, "locate", lambda _: None)

    result = promote(root)

    assert (result.exit_code, changed(root)) == (0, ["prod/release/kustomization.yaml"])
    assert result.output.count("whether it changes what is rendered is not known") == 1
