"""The ways in for other repositories, by hand: the steps of the action, and the pre-commit hook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops import __version__
from tests.clone import commit, git
from tests.gitops.conftest import FIXTURES
from tests.test_dockerfile import faults
from tests.tools.package.action import ACTION, CHECK, INPUTS, UPLOAD, step
from tools.command import ROOT

GH = """#!/bin/sh
printf '%s\\n' "$@" >"$0.argv"
"""


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    root = tmp_path / "strange"
    shutil.copytree(FIXTURES / "layered", root / "k8s")
    file = root / "k8s" / "overlays" / "dev" / "kustomization.yaml"
    file.write_text(file.read_text().replace("shop\n    newTag", "shap\n    newTag"))
    git(root, "init", "--quiet")
    commit(root)
    return root


@pytest.fixture
def run(place: Path, strange: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Check the strange repository as the action does."""
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        (place / name).write_text("")
    return lambda **inputs: step(CHECK, place, strange, **inputs)


Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_action_annotates_the_lines_and_writes_a_summary_and_a_sarif_file(
    run: Run, place: Path
) -> None:
    done = run(path="k8s")

    assert done.returncode == 1, done.stderr
    assert "::error file=k8s/overlays/dev/kustomization.yaml,line=6,title=inert::" in done.stdout
    assert "### ❌ gitops check: 1 error, 1 warning" in (place / "GITHUB_STEP_SUMMARY").read_text()
    sarif = (place / "GITHUB_OUTPUT").read_text().removeprefix("sarif=").strip()
    (results,) = json.loads(Path(sarif).read_text())["runs"]
    assert results["tool"]["driver"]["version"] == __version__ == INPUTS["version"]


@pytest.mark.parametrize(
    ("inputs", "status"),
    [
        ({"fail-on": "never"}, 0),
        ({"args": "--skip inert --only inert"}, 0),
        ({"path": "nowhere"}, 2),
        ({"baseline": "absent.json"}, 2),
        ({"since": "absent"}, 2),
        ({"args": "--explain pin"}, 0),
    ],
)
def test_the_inputs_are_the_options_and_the_status_is_that_of_the_check(
    run: Run, inputs: dict[str, str], status: int
) -> None:
    assert run(**inputs).returncode == status


def test_the_upload_hands_the_file_to_code_scanning(run: Run, place: Path, strange: Path) -> None:
    run()
    gh = place / "bin" / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    done = step(UPLOAD, place, strange)
    argv = Path(f"{gh}.argv").read_text().splitlines()

    assert done.returncode == 0, done.stderr
    assert "repos/acme/shop/code-scanning/sarifs" in argv
    assert "ref=refs/heads/main" in argv
    (field,) = [word for word in argv if word.startswith("sarif=@")]
    unpack = f"base64 --decode <{field.removeprefix('sarif=@')} | gunzip"
    text = subprocess.run(["sh", "-c", unpack], capture_output=True, check=True).stdout
    assert json.loads(text)["version"] == "2.1.0"


def test_every_input_is_used_and_none_is_put_into_a_script() -> None:
    text = (ROOT / "action.yaml").read_text(encoding="utf-8")

    assert {*re.findall(r"inputs\.([a-z-]+)", text)} == {*INPUTS}
    assert not [each for each in ACTION["runs"]["steps"] if "${{" in each["run"]]


def test_the_hook_of_pre_commit_checks_the_repository(place: Path, strange: Path) -> None:
    hooks = place / "hooks"
    if not hooks.exists():
        hooks.mkdir()
        shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
        git(hooks, "init", "--quiet")
        commit(hooks)
    uvx = place / "bin" / "uvx"
    program = place / "kustomize-gitops" / "bin" / "kustomize-gitops"
    named = f'[ "$1" = kustomize-gitops@{__version__} ]'
    uvx.write_text(f'#!/bin/sh\n{named} && shift && {program} "$@"\n')
    uvx.chmod(0o755)
    config = {"repo": str(hooks), "rev": git(hooks, "rev-parse", "HEAD")}
    config["hooks"] = [{"id": "gitops-check"}]  # type: ignore[assignment]
    (strange / ".pre-commit-config.yaml").write_text(json.dumps({"repos": [config]}))
    git(strange, "add", "--all")
    env = {
        **os.environ,
        "PATH": f"{uvx.parent}:{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(place),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files"],
        cwd=strange,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "shap matches nothing" in done.stdout


def test_the_image_of_the_linter_is_as_this_repository_asks_but_for_git() -> None:
    text = (ROOT / "tools" / "package" / "Dockerfile").read_text(encoding="utf-8")

    # Any version of git will do, and an old one is not kept by the distribution.
    assert [*faults(text)] == [
        "a package of the distribution is installed, in whatever version there is"
    ]
    assert "apk add --no-cache git\n" in text
