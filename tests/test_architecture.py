"""The rooms of the code and the arrows between them: docs/architecture.md draws them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
# One import that each contract must reject: into which module, and of what.
BROKEN = {
    "The service: app, then commands and routes, then the domain, then the tables": (
        "api/http/etags.py",
        "api.routes",
    ),
    "The domain: a feature knows those below it only": (
        "api/domain/deployments/reports.py",
        "api.domain.notifications.outbox",
    ),
    "The domain knows neither HTTP nor the process that serves it": (
        "api/domain/tokens.py",
        "flask",
    ),
    "What events mean and what the metrics are is decided without a database": (
        "api/domain/dora/rules/failures.py",
        "sqlalchemy",
    ),
    "The service and gitops meet over HTTP only": ("gitops/ledger.py", "api.version"),
    "gitops is for any repository, and knows nothing of this one's tools": (
        "gitops/pins.py",
        "tools.project",
    ),
    "What a workflow runs before set-up needs nothing but Python": (
        "tools/github/gh.py",
        "yaml",
    ),
}


def outer(module: str) -> str | None:
    """Return the room of a module: a package, or a part of the service."""
    package, *rest = module.split(".")
    return package if package != "api" else f"api.{rest[0]}" if rest else None


def inner(module: str) -> str | None:
    """Return the feature of the domain that a module belongs to."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["api", "domain"] and len(parts) > 2 else None


Arrows = dict[str, set[str]]


def drawn() -> list[Arrows]:
    """Return the arrows of each map in the document."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    return [
        {start: set(ends.split(" & ")) for start, ends in re.findall(r"(\S+) --> (.+)", chart)}
        for chart in re.findall(r"```mermaid\nflowchart TD\n(.*?)```", text, re.DOTALL)
    ]


@cache
def modules() -> grimp.ImportGraph:
    """Return which module imports which."""
    return grimp.build_graph("api", "bench", "gitops", "tools", cache_dir=None)


def imports(room: Callable[[str], str | None]) -> Arrows:
    """Return which room imports which; Alembic loads the migrations by their path."""
    graph = modules()
    found: Arrows = {}
    for module in graph.modules:
        start = room(module)
        ends = {room(each) for each in graph.find_modules_directly_imported_by(module)}
        if start not in (None, "api.migrations"):
            found.setdefault(str(start), set()).update(end for end in ends if end)
    return found


def reachable(arrows: Arrows) -> set[tuple[str, str]]:
    """Return each pair of rooms that is joined by one arrow or more."""
    pairs = {(start, end) for start, ends in arrows.items() for end in ends if start != end}
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


@pytest.mark.parametrize(("number", "room"), [(0, outer), (1, inner)])
def test_the_map_in_the_document_is_that_of_the_code(
    number: int, room: Callable[[str], str | None]
) -> None:
    chart = drawn()[number]

    assert reachable(chart) == reachable(imports(room))
    for start, ends in chart.items():
        for end in ends:  # an arrow that follows from others is not drawn
            less = chart | {start: ends - {end}}
            assert (start, end) not in reachable(less), f"{start} --> {end}"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a copy of the packages that the contracts are about."""
    copy = tmp_path / "source"
    for name in ("api", "gitops", "tools"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def verdicts(source: Path) -> dict[str, str]:
    """Return what import-linter says of each contract: KEPT or BROKEN."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    result = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    found = re.findall(r"^(.+) (KEPT|BROKEN)$", result.stdout, re.MULTILINE)
    assert found, result.stdout + result.stderr
    return dict(found)


def test_each_contract_rejects_a_broken_import(source: Path) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {each["name"] for each in contracts["contracts"]} == BROKEN.keys()
    for path, module in BROKEN.values():
        with (source / path).open("a") as file:
            file.write(f"\nimport {module}\n")

    assert verdicts(source) == dict.fromkeys(BROKEN, "BROKEN")


def test_a_room_that_no_contract_knows_is_rejected_and_the_rest_is_kept(source: Path) -> None:
    for room in ("api", "api/domain"):
        (source / room / "attic.py").write_text("")
    service, domain, *others = BROKEN

    expected = {service: "BROKEN", domain: "BROKEN", **dict.fromkeys(others, "KEPT")}
    assert verdicts(source) == expected
