"""Who reviews what, and what is kept up to date: as the files say."""

from fnmatch import fnmatch

import pytest

from tests.workflows.files import TEXTS
from tools.command import ROOT

OWNERS = [
    line.split()
    for line in (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def owners(path: str) -> list[str]:
    """Return who is asked to review a file: the last line that matches counts."""
    among = [
        who
        for pattern, *who in OWNERS
        if fnmatch(path, pattern.lstrip("/") + ("*" if pattern.endswith("/") else ""))
    ]
    return among[-1]


@pytest.mark.parametrize(
    ("path", "team"),
    [
        ("k8s/overlays/prod/release/kustomization.yaml", "production"),
        ("k8s/base/deployment.yaml", "production"),
        ("k8s/overlays/dev/kustomization.yaml", "platform"),
        (".github/workflows/ci.yaml", "security"),
        (".github/CODEOWNERS", "security"),
        ("tools/cluster/deploy.py", "platform"),
        ("api/app.py", "developers"),
    ],
)
def test_what_reaches_production_is_reviewed_by_those_it_concerns(path: str, team: str) -> None:
    (who,) = owners(path)
    assert who.partition("/")[2] in (team, "")  # a user's repository has no teams


def test_every_line_of_the_code_owners_names_something_that_is_there() -> None:
    named = [pattern.lstrip("/") for pattern, *_ in OWNERS]

    assert [pattern for pattern in named if not list(ROOT.glob(pattern.rstrip("/")))] == []


def test_the_documents_tell_of_every_workflow() -> None:
    text = (ROOT / "docs/pipelines.md").read_text(encoding="utf-8")

    assert [name for name in TEXTS if f"`{name.removesuffix('.yaml')}`" not in text] == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("requirements.txt", "pyproject.toml"),
        ("requirements-dev.txt", "pyproject.toml"),
        *((f"tools/{name}.txt", f"tools/{name}.in") for name in ("uv", "node", "browser", "peer")),
    ],
)
def test_a_lock_file_says_what_made_it_as_renovate_reads_it(file: str, source: str) -> None:
    """https://docs.renovatebot.com/modules/manager/pip-compile/"""
    command = (ROOT / file).read_text(encoding="utf-8").splitlines()[1].split()[1:]

    assert command[:3] == ["uv", "pip", "compile"]
    assert [word for word in command[3:] if not word.startswith("-")] == [source]
    assert f"--output-file={file}" in command
    alone = [word for word in command[3:] if word.startswith("-") and "=" not in word]
    assert alone == ["--universal", "--generate-hashes"]
