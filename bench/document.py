"""Write what docs/benchmarks.md tells of a result, and its two plots.

    python -m bench.document      # from bench/results/latest.json, without measuring anything

The generated parts are between two comments with their name; all other text is written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.goals import Goal, Result, goals, median, ratio, served
from bench.plots import Plot, svg
from bench.questions import LISTS, PENDING, SUMS, WINDOW
from bench.questions import MATRIX as MATRIX_PATH
from bench.requests import LIST, MATRIX, REPORT, ROUTES
from tools.command import ROOT

RESULT = ROOT / "bench/results/latest.json"
DOCUMENT = ROOT / "docs/benchmarks.md"
NOTHING = "-"
NAMES = {"now": "now", "base": "before", "peer": "peer"}
# What is drawn of the growth; all of it is in the tables.
DRAWN = {
    "deployments": "/api/v1/deployments",
    "deployments of a service": "/api/v1/deployments?service=service-00",
    "incidents": "/api/v1/incidents",
    "changes": "/api/v1/changes",
    "matrix": MATRIX_PATH,
    "pending promotions": PENDING,
    "DORA metrics, one service": SUMS[1],
    "their explanation": SUMS[3],
    "DORA metrics, all services": SUMS[0],
}


def files(result: Result) -> dict[Path, str]:
    """Return the text of each file that is made from a result."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, block in blocks(result).items():
        begin, end = (f"<!-- {word}: {name} -->" for word in ("begin", "end"))
        if [text.count(begin), text.count(end)] != [1, 1]:
            raise SystemExit(f"{DOCUMENT}: expected {begin} and {end} once")
        before, after = text.partition(begin)[0], text.partition(end)[2]
        text = f"{before}{begin}\n\n{block}\n\n{end}{after}"
    drawn = {f"benchmarks-{name}.svg": svg(plot) for name, plot in plots(result).items()}
    return {DOCUMENT: text} | {DOCUMENT.with_name(name): image for name, image in drawn.items()}


def write(result: Result) -> None:
    """Write the document and its plots."""
    for path, text in files(result).items():
        path.write_text(text, encoding="utf-8")


def blocks(result: Result) -> dict[str, str]:
    """Return the generated parts of the document by their names."""
    return {
        "machine": _machine(result),
        "goals": "\n\n".join([*_warning(result), _goals(goals(result))]),
        "requests": f"{_image('throughput', result)}\n\n{_requests(result)}",
        "reports": _reports(result),
        "growth": f"{_image('growth', result)}\n\n{_growth(result)}",
        "lists": _paths(result, "lists", LISTS),
        "sums": _paths(result, "sums", SUMS),
        "process": _process(result),
    }


def _image(name: str, result: Result) -> str:
    """Return the line that shows a plot, with its text alternative."""
    return f"![{plots(result)[name].title}. The table has the figures.](benchmarks-{name}.svg)"


def plots(result: Result) -> dict[str, Plot]:
    """Return the plots by the names of their files."""
    rates = {
        route.name: {
            label: rate
            for name, label in NAMES.items()
            if (rate := median(served(result, route, name), "rate")) is not None
        }
        for route in ROUTES
    }
    sizes = sorted({result["sizes"][0], result["compared"]})
    times = {
        label: {f"{size:,} deployments": _median(result, path, size) for size in sizes}
        for label, path in DRAWN.items()
    }
    return {
        "throughput": Plot(
            "Requests a second of one process",
            _sentence(rates, "requests a second"),
            "/s",
            rates,
        ),
        "growth": Plot(
            "Milliseconds until the answer, on PostgreSQL",
            _sentence(times, "ms"),
            "ms",
            times,
            logarithmic=True,
        ),
    }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and all others are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def number(value: float | None) -> str:
    """Return a figure with three digits that mean something, or a dash."""
    if value is None:
        return NOTHING
    if value >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004


def shown(path: str) -> str:
    """Return a path as the tables have it."""
    return path.removeprefix("/api/v1").replace(WINDOW, "from=…&to=…")


def _sentence(rows: dict[str, dict[str, float]], unit: str) -> str:
    parts = (
        f"{label}: {', '.join(f'{name} {number(value)}' for name, value in values.items())}"
        for label, values in rows.items()
    )
    return f"In {unit}. {'; '.join(parts)}."


def _warning(result: Result) -> list[str]:
    """Return a sentence if the figures say nothing of the goals."""
    if not result["quick"]:
        return []
    return ["**These figures are of a quick run on a busy machine: they show that it works.**"]


def _machine(result: Result) -> str:
    machine = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    peer = machine["peer"] or {}
    told = ", ".join(f"{name} {version}" for name, version in peer.items()) or "not installed"
    sizes = " and ".join(f"{size:,}" for size in result["sizes"])
    before = f", before is `{result['base']}`" if result["base"] else ""
    return "\n".join(
        [
            f"- Revision: `{result['revision']}`{before}.",
            f"- Ledgers of {sizes} deployments; compared with the others at"
            f" {result['compared']:,}. {result['rounds']} rounds, {result['minutes']:g} minutes.",
            f"- Machine: {machine['cores']} cores ({machine['processor']}),"
            f" {machine['memory_gib']} GiB, Linux {machine['kernel']}, a load of"
            f" {machine['load']:g} besides.",
            f"- Python {machine['python']}, PostgreSQL {machine['postgresql']}; {packages}.",
            f"- The peer: {told}.",
        ]
    )


def _goals(found: Iterable[Goal]) -> str:
    words = {True: "met", False: "**unmet**", None: "not measured"}
    rows = [
        (
            goal.what,
            f"{'≥' if goal.at_least else '≤'} {number(goal.limit)} {goal.unit}".strip(),
            NOTHING if goal.figure is None else f"{number(goal.figure)} {goal.unit}".strip(),
            words[goal.met],
        )
        for goal in found
    ]
    return table(["what", "goal", "measured", ""], rows)


def _requests(result: Result) -> str:
    kinds = ("requests/s", "CPU ms", "p99 ms", "SQL")
    head = ["", *(f"{kind}: {name}" for kind in kinds for name in NAMES.values())]
    rows = []
    for route in ROUTES:
        found = [served(result, route, name) for name in NAMES]
        names = ("rate", "cpu_ms", "p99_ms")
        cells = [number(median(figures, name)) for name in names for figures in found]
        statements = [
            NOTHING if figures is None else str(figures["statements"]) for figures in found
        ]
        rows.append([f"`{route.name}`", *cells, *statements])
    return table(head, rows)


def _reports(result: Result) -> str:
    singles = [
        (f"{label}, eight clients", median(served(result, REPORT, name), "rate"))
        for name, label in NAMES.items()
    ]
    limits = [
        (f"pgbench, {'one client' if clients == '1' else 'eight clients'}", median(limit, clients))
        for limit in [result["pgbench"]]
        for clients in limit
    ]
    rows = [*singles, ("now, a list of 1,000, one client", median(result, "bulk")), *limits]
    return table(["", "rows/s"], [(name, number(rate)) for name, rate in rows])


def _growth(result: Result) -> str:
    sizes = sorted(result["sizes"])
    rows = []
    for route in (LIST, MATRIX, REPORT):
        times = [median(served(result, route, "now", size), "p99_ms") for size in sizes]
        cells = [*map(number, times), number(ratio(times[-1], times[0]))]
        rows.append([f"`{route.name}`, p99 at 70 %", *cells])
    return table(["", *(f"{size:,}" for size in sizes), "ratio"], rows)


def _paths(result: Result, part: str, paths: Sequence[str]) -> str:
    sizes, databases = result["sizes"], ("SQLite", "PostgreSQL")
    head = ["GET"]
    for database in databases:
        head += [*(f"{database} {size:,}" for size in sizes), "ratio"]
    found = {(row["path"], row["database"], row["size"]): row for row in result[part]}
    rows = []
    for path in paths:
        cells = [f"`{shown(path)}`"]
        for database in databases:
            medians = [found[path, database, size]["median_ms"] for size in sizes]
            cells += [*map(number, medians), f"{medians[-1] / medians[0]:.1f}"]
        rows.append(cells)
    return table(head, rows)


def _process(result: Result) -> str:
    memory = [
        [
            f"`{shown(answer['path'])}`",
            *(f"{answer[name]:g}" for name in ("before_mib", "most_mib", "cpu_s")),
        ]
        for answer in result["memory"]
    ]
    start = [
        (
            NAMES[name],
            *(number(median(result[part][name], "seconds")) for part in ("importing", "starting")),
            number(result["resident_mib"].get(name)),
        )
        for name in result["importing"]
    ]
    return "\n\n".join(
        [
            table(["", "import of `api`, s", "start to ready, s", "MiB after the load"], start),
            table(["GET", "MiB before", "MiB at most", "CPU s"], memory),
        ]
    )


def _median(result: Result, path: str, size: int) -> float:
    (found,) = (
        row["median_ms"]
        for row in [*result["lists"], *result["sums"]]
        if (row["path"], row["database"], row["size"]) == (path, "PostgreSQL", size)
    )
    return float(found)


def read(path: Path = RESULT) -> dict[str, Any]:
    """Return a result."""
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


if __name__ == "__main__":
    write(read())
