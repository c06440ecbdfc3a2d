"""Each target can be the first one: what its commands open is made by its own prerequisites."""

import re
import shlex
from pathlib import Path

import pytest

from tests.clone import copy
from tests.makefile.files import DOCUMENTED, FILES
from tests.makefile.reach import entry, reached
from tests.makefile.recipes import Step, buildable, dry_run, opened, steps
from tests.workflows.files import TEXTS, calls, parsed
from tools.command import ROOT


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone without .tools, .venv and .build, in a folder whose name has a space."""
    return copy(tmp_path_factory.mktemp("first") / "a clone", built=False)


def missing(found: list[Step]) -> set[tuple[str, str]]:
    return {(step.target, each) for step in found for each in step.missing}


CALLED = {target for text in TEXTS.values() for _, target in calls(parsed(text))}


@pytest.mark.parametrize("target", sorted({*DOCUMENTED} | CALLED))
def test_a_target_makes_all_that_it_opens(clone: Path, target: str) -> None:
    assert missing(dry_run(clone, target)) == set()


@pytest.mark.parametrize("target", ["test", "browser-test", "renovate", "package", "e2e"])
def test_a_space_in_the_path_of_the_clone_ends_no_word(clone: Path, target: str) -> None:
    half = str(clone).partition(" ")[0]
    found = dry_run(clone, target)

    assert any(str(clone) in step.command for step in found)
    for step in found:
        cut = [word for word in shlex.split(step.command) if word.endswith(half)]
        assert cut == [], f"{step.target}: {step.command}"


@pytest.mark.parametrize(
    ("target", "program"),
    [
        ("e2e", "kubeconform"),
        ("propose", "cosign"),
        ("check", "kubeconform"),
        ("check", "schemas/stamp"),
        ("scan", "kube-score"),
        ("lint", "actionlint"),
        ("test", "helm"),
        ("test", "k3d"),
    ],
)
def test_a_target_that_lacks_one_is_found(clone: Path, target: str, program: str) -> None:
    rule = re.compile(rf"^{target}:.*", re.MULTILINE)
    (whole,) = (path for path in FILES if rule.search(path.read_text(encoding="utf-8")))
    broken = clone / whole.relative_to(ROOT)
    text = whole.read_text(encoding="utf-8")
    broken.write_text(
        rule.sub(lambda found: found[0].replace(f" .tools/{program}", ""), text), encoding="utf-8"
    )
    try:
        assert (target, program.partition("/")[0]) in missing(dry_run(clone, target))
    finally:
        broken.write_text(text, encoding="utf-8")


def test_what_is_made_too_late_is_missing() -> None:
    said = """\
Must remake target 'deploy'.
.tools/kustomize build k8s/overlays/dev
Successfully remade target file 'deploy'.
Must remake target '.tools/kustomize'.
go build -o .tools/kustomize
Successfully remade target file '.tools/kustomize'.
Must remake target 'render'.
.tools/kustomize build k8s/overlays/dev
"""
    assert missing(list(steps(said))) == {("deploy", "kustomize")}


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        (".venv/bin/python -m tools.cluster.deploy --env dev", {"venv", "kustomize"}),
        (".venv/bin/python -m gitops promote k8s --from dev", {"venv", "cosign", "renderer"}),
        (".venv/bin/python -m tools.github.propose --from dev", {"venv", "cosign", "renderer"}),
        (
            ".venv/bin/pytest -q tests/e2e/test_release.py",
            {"venv", "kustomize", "cosign", "helm", "oras"},
        ),
        ("python3 -m tools.github.sarif .build/*.sarif", set()),
        ("echo 'make .tools.kustomize'", set()),
    ],
)
def test_a_command_opens_what_its_python_runs(command: str, programs: set[str]) -> None:
    assert opened(command) == programs


def test_a_command_of_gitops_that_is_not_written_out_may_be_any() -> None:
    assert reached(entry("gitops")) & buildable() >= {"renderer", "kubeconform", "cosign"}
