"""A mistake of each kind that people make, in a repository that is right otherwise, is found."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.aside import prepared
from gitops.config import Config
from gitops.findings import Severity
from tests.gitops.conftest import FIXTURES, Check
from tests.gitops.kinds import CHANGES, KINDS
from tests.gitops.mistakes import Mistake, mistakes

# One with what most applications have, and one with what surrounds them.
ROOTS = ("complete", "platform")
# What needs the schemas of Kubernetes: tests/gitops/test_mutants.py has some of them.
BY_SCHEMA = {"field misspelt", "wrong indentation", "text for a number", "number for a text"}
# Of these nobody can tell: what is left out or called otherwise may be meant so, and has users
# elsewhere. A hash that is switched off is a note, and so is a component that is not used.
UNSEEN = {
    *("patched field", "replaced field", "component not used", "patch not included"),
    *("hash switched off", "generated key lost", "Service port", "Service port renamed"),
    *("new name of an image", "path in an inline patch", "transformer not used", "container port"),
    *("configuration not used", "target in a file of replacements", "target of a Secret"),
    *("path of an ApplicationSet", "no namespace", "generator's behaviour", "policy namespace"),
    *("configured field", "configured kind", "label of pods", "empty patch"),
    # Where no other path or namespace is known to be of this repository.
    *("applied path", "folder of an ApplicationSet", "webhook Service's namespace"),
}
# What the repositories have no place for.
ELSEWHERE = {
    *("patch target namespace", "name of everything changed", "field of a transformer"),
    "target namespace",
    *("replicas of a transformer", "target of a transformer", "role of another kind"),
}


def first() -> dict[str, tuple[str, Mistake]]:
    """Return the first mistake of each kind, with the repository that it is for."""
    found: dict[str, tuple[str, Mistake]] = {}
    for name in ROOTS:
        root = FIXTURES / name
        for each in mistakes(prepared(root, Config.read(root))):
            found.setdefault(each.kind, (name, each))
    return found


MISTAKES = first()


@pytest.mark.parametrize("name", ROOTS)
def test_the_repository_is_right_otherwise(
    name: str, copy: Callable[[str], Path], check: Check
) -> None:
    assert [each for each in check(copy(name)) if each.severity is not Severity.NOTE] == []


def test_there_is_a_mistake_of_each_kind() -> None:
    every = [*KINDS.values(), *CHANGES.values()]
    assert {kind for among in every for kind, _, _ in among} - MISTAKES.keys() <= ELSEWHERE


@pytest.mark.parametrize("kind", sorted(MISTAKES.keys() - BY_SCHEMA - UNSEEN))
def test_a_mistake_is_found(kind: str, copy: Callable[[str], Path], check: Check) -> None:
    name, mistake = MISTAKES[kind]
    root, base = copy(name), None
    if mistake.is_change:
        committed(root)
        base = "HEAD"
    (root / mistake.file).write_text(mistake.text, encoding="utf-8")
    found = [each.message for each in check(root, base=base) if each.severity is not Severity.NOTE]
    assert found, mistake


def committed(root: Path) -> None:
    """Commit everything in a folder."""
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    for argv in (("init", "--quiet"), ("add", "--all"), (*who, "commit", "--quiet", "-m", "all")):
        subprocess.run(["git", *argv], cwd=root, check=True)
