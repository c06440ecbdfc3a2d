"""The wheel of the linter, in an environment with nothing else: no clone, no Go, no make."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from gitops import __version__
from gitops.cli import COMMANDS
from tests.clone import commit, git
from tests.gitops.conftest import FIXTURES
from tests.tools.package import wheels
from tools.command import ROOT

BROKEN = ("shop\n    newTag", "shap\n    newTag")


def run(
    programs: Path, folder: Path, *argv: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the program where there is no other but git."""
    (tools := folder.parent / "tools").mkdir(exist_ok=True)
    if not (tools / "git").exists():
        (tools / "git").symlink_to(str(shutil.which("git")))
    env = {"PATH": str(tools), "HOME": str(folder), "LANG": "C.UTF-8", **variables}
    program = programs / "kustomize-gitops"
    return subprocess.run(
        [str(program), *argv], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """Return a repository with an image entry that matches nothing."""
    root = Path(shutil.copytree(FIXTURES / "layered", tmp_path / "strange"))
    file = root / "overlays" / "dev" / "kustomization.yaml"
    file.write_text(file.read_text().replace(*BROKEN))
    return root


def test_it_checks_a_repository_with_what_is_in_it_alone(programs: Path, strange: Path) -> None:
    done = run(programs, strange, "check")

    assert done.returncode == 1, done.stderr
    assert "overlays/dev/kustomization.yaml" in done.stdout
    assert "newTag 1.2.0 for image registry.example.com/shap matches nothing" in done.stdout
    assert done.stderr == ""


def test_it_finds_nothing_where_there_is_nothing(programs: Path, strange: Path) -> None:
    shutil.rmtree(strange)
    shutil.copytree(FIXTURES / "layered", strange)

    assert run(programs, strange, "check").returncode == 0


def test_it_says_its_version_and_names_itself_in_its_examples(
    programs: Path, strange: Path
) -> None:
    told = run(programs, strange, "--version").stdout
    helps = [run(programs, strange, *argv, "--help").stdout for argv in ([], ["check"])]

    assert told == f"kustomize-gitops {__version__}\n"
    assert all("    kustomize-gitops check k8s" in text for text in helps)
    assert all("python -m" not in text for text in helps)
    assert all(f"\n  {name} " in helps[0] for name in COMMANDS)


def test_it_says_how_to_get_what_it_lacks_where_there_is_no_makefile(
    programs: Path, strange: Path
) -> None:
    git(strange, "init", "--quiet")
    commit(strange)
    doctor = run(programs, strange, "doctor")
    schema = run(programs, strange, "check", "--only", "schema", "--schema-location", "default")
    ledger = run(programs, strange, "status", "--ledger", "http://127.0.0.1:9")

    assert doctor.returncode == 0, doctor.stdout
    assert "make" not in doctor.stdout
    assert (schema.returncode, ledger.returncode) == (2, 2)
    assert "kubeconform is not installed: https://" in schema.stderr
    assert "pip install 'kustomize-gitops[ledger]'" in ledger.stderr


def test_a_shell_completes_its_commands(programs: Path, strange: Path) -> None:
    words = {"COMP_WORDS": "kustomize-gitops ch", "COMP_CWORD": "1"}
    done = run(programs, strange, _KUSTOMIZE_GITOPS_COMPLETE="bash_complete", **words)

    assert done.stdout == "plain,check\n"


def test_it_has_this_package_alone_and_the_terms_of_what_the_renderer_is_made_of(
    wheel: Path,
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        notices = archive.read("gitops/bin/NOTICES").decode()
        code = [archive.read(each).decode() for each in names if each.endswith(".py")]

    assert {name.split("/")[0].split("-")[0] for name in names} == {"gitops", "kustomize_gitops"}
    assert not [name for name in names if "__pycache__" in name]
    assert not [text for text in code if re.search(r"^(?:from|import) (?:api|tools)\b", text, re.M)]
    assert "sigs.k8s.io/kustomize/api v" in notices
    assert "Go: LICENSE" in notices


def test_a_renderer_that_may_need_libraries_is_refused(tmp_path: Path) -> None:
    linked = tmp_path / "renderer"
    linked.write_bytes((ROOT / ".tools" / "renderer").read_bytes())
    data = linked.read_bytes().replace(b"CGO_ENABLED=0", b"CGO_ENABLED=1")
    linked.write_bytes(data)

    with pytest.raises(subprocess.CalledProcessError) as failed:
        wheels.build(tmp_path, linked)
    assert b"build it without C" in failed.value.stderr


def test_the_wheel_asks_for_what_the_repository_is_tested_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    package = tomllib.loads((ROOT / "tools" / "package" / "pyproject.toml").read_text())
    tested = {*project["project"]["dependencies"], *project["dependency-groups"]["dev"]}
    optional = package["project"]["optional-dependencies"]["ledger"]

    assert {*package["project"]["dependencies"], *optional} <= tested
    assert {*package["build-system"]["requires"]} <= tested
    assert package["project"]["requires-python"] == project["project"]["requires-python"]
    assert (ROOT / "tools" / "package" / "LICENSE").samefile(ROOT / "LICENSE")
