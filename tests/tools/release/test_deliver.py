"""What `make pin` changed is proposed or pushed; nothing else is."""

import os
from pathlib import Path

import pytest

from tests.tools.clone import commit, git
from tools.command import ToolError
from tools.release.deliver import deliver

FILE = "k8s/overlays/dev/release/kustomization.yaml"
GH = """#!/bin/sh
echo "$@" >>{folder}/asked
[ "$1 $2" != "pr create" ] || echo https://forge.example/pull/7
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a remote, a pin that is not committed, and a `gh` that notes what is asked."""
    folder, origin = tmp_path / "clone", tmp_path / "origin"
    (folder / FILE).parent.mkdir(parents=True)
    (folder / FILE).write_text("old\n", encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder)
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(origin))
    git(folder, "remote", "add", "origin", str(origin))
    (folder / FILE).write_text("new\n", encoding="utf-8")
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(GH.format(folder=tmp_path), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.com")
    return folder


def remote(root: Path, branch: str) -> str:
    return git(root.with_name("origin"), "show", f"{branch}:{FILE}")


def asked(root: Path) -> list[str]:
    file = root.with_name("asked")
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def test_a_pin_is_proposed_on_a_branch_of_its_own_and_checked(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(root, "v1.0.0", "pull-request", "main")
    assert (remote(root, "main"), remote(root, "release/dev-v1.0.0")) == ("old", "new")
    opened, checked = asked(root)
    assert opened.startswith("pr create --head release/dev-v1.0.0 --title Release v1.0")
    assert checked == "workflow run ci.yaml --ref release/dev-v1.0.0"
    assert capsys.readouterr().out == "https://forge.example/pull/7\n"


def test_a_pin_is_pushed_where_that_is_how_it_is_done(root: Path) -> None:
    deliver(root, "v1.0.0", "push", "main")
    assert remote(root, "main") == "new"
    assert asked(root) == []


def test_anything_beside_a_pin_is_not_delivered(root: Path) -> None:
    (root / "k8s/overlays/dev/host.yaml").write_text("mine\n", encoding="utf-8")
    git(root, "add", "--all")
    with pytest.raises(
        ToolError, match=r"should be changed, by `make pin`; it is k8s/overlays/dev/"
    ):
        deliver(root, "v1.0.0", "push", "main")
    assert remote(root, "main") == "old"


def test_nothing_to_deliver_is_an_error(root: Path) -> None:
    git(root, "checkout", "--quiet", "--", FILE)
    with pytest.raises(ToolError, match="it is nothing"):
        deliver(root, "v1.0.0", "push", "main")


def test_another_way_is_refused(root: Path) -> None:
    with pytest.raises(ToolError, match="DELIVERY=mail: it is pull-request or push"):
        deliver(root, "v1.0.0", "mail", "main")
    assert git(root, "diff", "--name-only") == FILE
