"""The repository's own promises: its documents, its requirements and its Makefile agree."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from api.app import create_app
from api.version import VERSION
from bench.questions import LISTS, SUMS
from tests.makefile.files import DOCUMENTED

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TARGETS = {*DOCUMENTED}
DAILY = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_target_a_document_names_exists(document: Path) -> None:
    text = document.read_text()
    # In code only: "make the Secret" is no target.
    code = re.findall(r"`make ([^`]+)`", text) + re.findall(r"^    make (.+)$", text, re.MULTILINE)
    words = [word for line in code for word in shlex.split(line, comments=True)]
    named = {word for word in words if re.fullmatch(r"[a-z0-9-]{2,}", word)}

    assert named <= TARGETS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_makefile_has_every_task_of_a_day() -> None:
    tasks = "run test lint format lock render validate image push cluster cluster-down deploy probe"
    assert {*tasks.split(), "e2e", "clean", "secrets", "scan"} <= TARGETS


def listed(*words: str) -> set[str]:
    """Return the targets that make lists."""
    done = subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"^  ([a-z0-9-]+) ", done.stdout, re.MULTILINE))


def test_make_alone_lists_the_targets_of_a_day() -> None:
    assert listed() == DAILY
    assert {"run", "test", "lint", "cluster", "deploy", "probe", "help-all"} <= DAILY
    assert len(DAILY) <= 16


def test_make_help_all_lists_every_target() -> None:
    assert listed("help-all") == TARGETS


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["project"]["version"] == VERSION


@pytest.mark.parametrize(
    ("needed", "locked"),
    [
        (PROJECT["project"]["dependencies"], "requirements.txt"),
        (PROJECT["dependency-groups"]["dev"], "requirements-dev.txt"),
        *(
            (path.read_text().splitlines(), f"tools/{path.stem}.txt")
            for path in sorted((ROOT / "tools").glob("*.in"))
        ),
    ],
)
def test_what_is_asked_for_is_pinned(needed: list[str], locked: str) -> None:
    text = (ROOT / locked).read_text()
    pins = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    }

    for requirement in map(Requirement, needed):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_python_dotenv_stays_out_of_the_image() -> None:
    assert "python-dotenv" not in (ROOT / "requirements.txt").read_text()


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "docs/dependencies.md").read_text()
    named = {
        word for row in re.findall(r"^\| (.*?) \|", text, re.MULTILINE) for word in row.split(", ")
    }
    needed = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]

    assert {Requirement(each).name for each in needed} <= named


def test_the_benchmark_asks_every_list_with_each_of_its_filters(tmp_path: Path) -> None:
    client = create_app({"DATA_DIR": tmp_path}).test_client()
    paths = client.get("/openapi.json").get_json()["paths"]
    offered = {
        (path, parameter["name"])
        for path, operations in paths.items()
        if path.startswith("/api/v1/") and "{" not in path and "get" in operations
        for parameter in [{"name": "", "in": "query"}, *operations["get"].get("parameters", [])]
        if parameter["in"] == "query"
    }
    asked = {
        (urlsplit(question).path, name)
        for question in LISTS + SUMS
        for name in ["", "cursor", *parse_qs(urlsplit(question).query)]
    }

    assert offered <= asked


def test_what_can_look_for_longer_does_at_night() -> None:
    told = subprocess.run(
        ["make", "--dry-run", "fuzz"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    longer = re.compile(r'^(from|import) (hypothesis|schemathesis)|get\("HYPOTHESIS_PROFILE"', re.M)
    found = [
        path for path in (ROOT / "tests").rglob("test_*.py") if longer.search(path.read_text())
    ]

    assert len(found) >= 10
    assert [str(path) for path in found if str(path.relative_to(ROOT)) not in told] == []
