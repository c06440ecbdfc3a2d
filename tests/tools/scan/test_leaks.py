"""gitleaks itself is run: what it must find is made up for each run, and is in no file."""

from pathlib import Path

import pytest

from tests.clone import commit, git
from tools.command import ToolError
from tools.scan import leaks

NEEDS_GITLEAKS = pytest.mark.skipif(
    not leaks.PROGRAM.exists(), reason="`make .tools/gitleaks` builds what is tested here"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    write(tmp_path, "harmless")
    commit(tmp_path)
    return tmp_path


def write(root: Path, value: str) -> None:
    (root / "settings.py").write_text(f'TOKEN = "{value}"\n', encoding="utf-8")


@NEEDS_GITLEAKS
def test_a_repository_without_secrets_passes(root: Path) -> None:
    assert leaks.check(root) == "gitleaks: no secret in any commit or change"


@NEEDS_GITLEAKS
def test_a_secret_is_found_in_a_commit_after_it_was_taken_out(root: Path) -> None:
    secret = leaks.token()
    write(root, secret)
    when = commit(root)
    write(root, "harmless")
    commit(root)
    with pytest.raises(ToolError, match=rf"settings\.py:1: github-pat in {when[:12]}") as error:
        leaks.check(root)
    assert secret not in str(error.value)


@NEEDS_GITLEAKS
def test_a_secret_is_found_before_it_is_committed(root: Path) -> None:
    write(root, leaks.token())
    with pytest.raises(ToolError, match=r"settings\.py:1: github-pat: revoke each secret first"):
        leaks.check(root)


@NEEDS_GITLEAKS
def test_a_shallow_clone_is_told_to_fetch_the_commits_that_nobody_has_looked_at(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write(root, leaks.token())
    commit(root)
    write(root, "harmless")
    commit(root)
    shallow = tmp_path_factory.mktemp("shallow")
    git(shallow, "clone", "--quiet", "--depth=1", root.as_uri(), ".")

    with pytest.raises(ToolError, match=r"what every commit holds: `git fetch --unshallow --tags`"):
        leaks.check(shallow)
    git(shallow, "fetch", "--unshallow", "--tags")
    with pytest.raises(ToolError, match=r"settings\.py:1: github-pat in "):
        leaks.check(shallow)


@NEEDS_GITLEAKS
def test_what_a_partial_clone_left_out_is_fetched_or_is_an_error(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    git(root, "config", "uploadpack.allowFilter", "true")
    write(root, leaks.token())
    commit(root)
    write(root, "harmless")
    commit(root)
    near, far = (tmp_path_factory.mktemp(name) for name in ("near", "far"))
    for clone in (near, far):
        git(clone, "clone", "--quiet", "--filter=blob:none", root.as_uri(), ".")
    git(far, "remote", "set-url", "origin", (root / "gone").as_uri())

    with pytest.raises(ToolError, match=r"settings\.py:1: github-pat in "):
        leaks.check(near)
    with pytest.raises(ToolError, match=r"could not fetch .* from promisor remote"):
        leaks.check(far)


@NEEDS_GITLEAKS
def test_files_without_a_history_are_not_called_a_history_without_secrets(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="not a git repository"):
        leaks.check(tmp_path)


@pytest.mark.parametrize(
    ("said", "why"),
    [("[]", "missed the test token"), ("no such option", "gitleaks: no such option")],
)
def test_a_gitleaks_that_finds_nothing_anywhere_is_not_believed(
    root: Path, monkeypatch: pytest.MonkeyPatch, said: str, why: str
) -> None:
    program = root / "program"
    program.write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(leaks, "PROGRAM", program)
    with pytest.raises(ToolError, match=why):
        leaks.check(root)
