"""`check --since`: what is found in the overlays that a change reaches, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.checks.run import CHECKS
from gitops.revision import Clone
from gitops.since import changed
from tests.clone import commit, git
from tests.gitops.conftest import Check
from tests.gitops.test_cases import written
from tests.gitops.test_cli import call, called

POD = """apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {containers: [{name: a, image: 'a:1'}]}
"""
# Something to find in each overlay.
DEAD = "images: [{name: absent, newTag: '2'}]\n"
FILES = {
    "base/kustomization.yaml": f"resources: [pod.yaml]\n{DEAD}",
    "base/pod.yaml": POD.replace("NAME", "shop"),
    "component/kustomization.yaml": f"kind: Component\n{DEAD}",
    "dev/kustomization.yaml": f"resources: [../base]\ncomponents: [../component]\n{DEAD}",
    "prod/kustomization.yaml": f"""\
resources: [../base]
patches: [{{path: patch.yaml}}]
configMapGenerator: [{{name: settings, files: [data/a.txt], envs: [b.env]}}]
{DEAD}""",
    "prod/patch.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: shop, labels: {a: b}}}\n",
    "prod/data/a.txt": "a\n",
    "prod/b.env": "B=1\n",
    "other/kustomization.yaml": f"resources: [pod.yaml]\n{DEAD}",
    "other/pod.yaml": POD.replace("NAME", "other"),
    "lone/pod.yaml": POD.replace("NAME", "lone"),
    "README.md": "",
    "gitops.yaml": "accepted: []\n",
}
ALL = {"dev", "other", "prod"}
Edit = Callable[[Path], object]


def append(name: str) -> Edit:
    def edit(root: Path) -> None:
        with (root / name).open("a") as file:
            file.write("# more\n")

    return edit


def remove(name: str) -> Edit:
    return lambda root: (root / name).unlink()


def move(old: str, new: str) -> Edit:
    return lambda root: shutil.move(root / old, root / new)


def new(name: str, text: str) -> Edit:
    return lambda root: written(root, {name: text})


def linked(root: Path) -> None:
    shutil.move(root / "base", root / "first")
    (root / "base").symlink_to("first")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    written(tmp_path / "clone", FILES)
    git(tmp_path / "clone", "init", "--initial-branch", "main")
    commit(tmp_path / "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize(
    ("edit", "overlays"),
    [
        (lambda _: None, set()),
        (append("README.md"), set()),
        (append("lone/pod.yaml"), set()),
        (append("gitops.yaml"), ALL),
        (append("base/kustomization.yaml"), {"dev", "prod"}),
        (append("base/pod.yaml"), {"dev", "prod"}),
        (append("component/kustomization.yaml"), {"dev"}),
        (append("prod/patch.yaml"), {"prod"}),
        (append("prod/data/a.txt"), {"prod"}),
        (append("prod/b.env"), {"prod"}),
        (remove("prod/b.env"), {"prod"}),
        (remove("base/pod.yaml"), {"dev", "prod"}),
        (remove("base/kustomization.yaml"), {"dev", "prod"}),
        (remove("other/kustomization.yaml"), set()),
        (move("base/pod.yaml", "base/moved.yaml"), {"dev", "prod"}),
        (move("base", "moved"), {"dev", "moved", "prod"}),
        (move("other", "moved"), {"moved"}),
        (new("base/kustomization.yml", FILES["base/kustomization.yaml"]), {"dev", "prod"}),
        (new("fourth/kustomization.yaml", f"resources: [../other]\n{DEAD}"), {"fourth"}),
        (linked, {"dev", "prod"}),
    ],
)
def test_what_is_found_is_that_of_a_full_run_in_the_overlays_that_are_reached(
    root: Path, check: Check, edit: Edit, overlays: set[str]
) -> None:
    edit(root)
    full = check(root, *CHECKS)
    repository = check.context.repository
    change = changed(repository, check.context.config, "HEAD")
    assert change
    assert {each.name for each in repository.overlays if change.reaches(each)} == overlays
    found = change.restricted(full, check.context.asked)
    assert {name for finding in found for name in finding.overlays} == overlays
    whole = {(each.rule, each.line, each.message) for each in found if each.overlays}
    reached = [each for each in full if not overlays.isdisjoint(each.overlays)]
    assert whole == {(each.rule, each.line, each.message) for each in reached}


def test_a_branch_is_compared_with_where_it_began(root: Path) -> None:
    git(root, "checkout", "--quiet", "-b", "topic")
    append("other/pod.yaml")(root)
    commit(root)
    git(root, "checkout", "--quiet", "main")
    append("base/pod.yaml")(root)
    commit(root)
    git(root, "checkout", "--quiet", "topic")
    assert Clone.of(root).changed("main") == {root / "other/pod.yaml"}


def test_the_command_tells_what_it_does_not_show(root: Path) -> None:
    append("other/pod.yaml")(root)
    code, said = called("check", root, "--since", "HEAD")
    assert {name for finding in said["findings"] for name in finding["overlays"]} == {"other"}
    assert (code, said["since"], said["elsewhere_hidden"]) == (1, "HEAD", 4)
    assert (
        "in overlays that no change since HEAD reaches" in call("check", root, "--since", "HEAD")[1]
    )
    commit(root)
    assert called("check", root, "--since", "HEAD")[0] == 0
    code, said = call("check", root, "--since", "absent")
    assert (code, "no revision 'absent'" in said) == (2, True)
