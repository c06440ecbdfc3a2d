"""A mistake of each kind that people make, in a repository that is right otherwise, is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.findings import Severity
from gitops.repository import Repository
from tests.gitops.conftest import FIXTURES, Check
from tests.gitops.mistakes import KINDS, Mistake, mistakes

ROOT = FIXTURES / "complete"
# What needs the schemas of Kubernetes: tests/gitops/test_mutants.py has some of them.
BY_SCHEMA = {"field misspelt", "wrong indentation", "text for a number", "number for a text"}
# A field that a strategic-merge patch or a replacement makes may be one, without the schemas; and
# a component is for whoever wants it.
UNSEEN = {"patched field", "replaced field", "component not used"}
# What the repository has no place for: the objects of Flux and Argo CD, and one more way to miss.
ELSEWHERE = {
    *("chart source", "applied path", "applied source", "dependency"),
    "patch target namespace",
}


def first() -> dict[str, Mistake]:
    """Return the first mistake of each kind."""
    found: dict[str, Mistake] = {}
    for each in mistakes(Repository.open(ROOT)):
        found.setdefault(each.kind, each)
    return found


MISTAKES = first()


def test_the_repository_is_right_otherwise(check: Check) -> None:
    assert [each for each in check(ROOT) if each.severity is not Severity.NOTE] == []


def test_there_is_a_mistake_of_each_kind() -> None:
    kinds = {kind for among in KINDS.values() for kind, _, _ in among}
    assert kinds - MISTAKES.keys() == ELSEWHERE


@pytest.mark.parametrize("kind", sorted(MISTAKES.keys() - BY_SCHEMA - UNSEEN))
def test_a_mistake_is_found(kind: str, copy: Callable[[str], Path], check: Check) -> None:
    root, mistake = copy("complete"), MISTAKES[kind]
    (root / mistake.file).write_text(mistake.text, encoding="utf-8")
    found = [each.message for each in check(root) if each.severity is not Severity.NOTE]
    assert found, mistake
