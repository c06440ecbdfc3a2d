"""What the benchmark tells: documents made from the result, goals met or not, and plots."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from bench import document, goals
from bench.goals import Goal
from bench.plots import LABELS, WIDTH, Plot, svg
from bench.requests import LIST
from tests.bench.results import made
from tools.command import ROOT

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def result() -> dict[str, Any]:
    """Return a result with made-up figures."""
    return made()


def test_the_documents_are_what_the_command_makes_from_the_committed_result() -> None:
    for path, text in document.files(document.read()).items():
        assert path.read_text(encoding="utf-8") == text, path.name


def test_another_result_makes_other_documents(result: dict[str, Any]) -> None:
    before = document.files(result)
    for figures in result["served"]:
        figures["rate"] = [rate * 3 for rate in figures["rate"]]

    changed = {path.name for path, text in document.files(result).items() if text != before[path]}
    assert changed == {"benchmarks.md", "benchmarks-throughput.svg"}


def test_a_quick_run_says_that_its_figures_mean_nothing(result: dict[str, Any]) -> None:
    said = {quick: document.blocks(result | {"quick": quick})["goals"] for quick in (True, False)}

    assert "quick run" in said[True]
    assert said[True].endswith(said[False])


def test_what_is_written_by_hand_stays(result: dict[str, Any]) -> None:
    text = document.files(result)[document.DOCUMENT]

    assert "## A flood of events" in text
    assert [*re.findall("<!-- begin: (.*) -->", text)] == [*document.blocks(result)]


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal("", 1.0, 1.0, at_least=True), True),
        (Goal("", 0.99, 1.0, at_least=True), False),
        (Goal("", 50, 50, "ms"), True),
        (Goal("", 50.1, 50, "ms"), False),
        (Goal("", None, 50, "ms"), None),
    ],
)
def test_a_goal_is_met_or_not_or_was_not_measured(goal: Goal, met: bool | None) -> None:
    assert goal.met is met


def test_a_slower_peer_and_a_missing_one_change_the_goal(result: dict[str, Any]) -> None:
    def measured() -> Goal:
        return next(goals.goals(result))

    for figures in result["served"]:
        if figures["route"] == LIST.name:
            figures["rate"] = [200.0 if figures["contender"] == "now" else 100.0]
    assert (measured().figure, measured().met) == (2.0, True)

    result["served"] = [row for row in result["served"] if row["contender"] != "peer"]
    assert (measured().figure, measured().met) == (None, None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.123, "0.12"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_a_figure_has_the_digits_that_mean_something(value: float | None, shown: str) -> None:
    assert document.number(value) == shown


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_plot_has_a_title_a_text_and_its_marks_in_order(logarithmic: bool) -> None:
    rows = {"a < b": {"now": 10.0, "peer": 40.0}, "c": {"now": 95.0}}
    drawn = ET.fromstring(svg(Plot("A title", "In ms.", "ms", rows, logarithmic)))  # noqa: S314

    assert drawn.get("role") == "img"
    assert drawn.findtext(f"{SVG}title") == "A title"
    assert drawn.findtext(f"{SVG}desc") == "In ms."
    assert "prefers-color-scheme: dark" in (drawn.findtext(f"{SVG}style") or "")
    texts = [element.text or "" for element in drawn.iter(f"{SVG}text")]
    assert {"a < b", "c", "now", "peer", "100 ms"} <= {*texts}
    places = [
        float(re.findall(r"[\d.]+", element.get("transform", ""))[0])
        for element in drawn.iter(f"{SVG}g")
    ]
    assert len(places) == 2 + 3  # the legend, then the rows
    now, peer, more = places[2:]
    assert LABELS <= now < peer < more <= WIDTH


def test_the_peer_shares_none_of_the_code_that_it_is_compared_with() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "bench/peer").glob("*.py")]

    assert len(sources) >= 5
    assert not re.search(r"^(from|import) (api|flask|apiflask)\b", "\n".join(sources), re.MULTILINE)
