"""Count what an answer costs: round trips to PostgreSQL, and CPU time of the service.

Each revision is served by a process of its own, which makes the requests itself, without a network
or Gunicorn. Rounds alternate between them, so that both meet the same machine, and a figure is the
median of the rounds. Round trips are counted in the protocol's own trace. CPU time is what the
kernel counts for the process: other load changes it far less than the time that passes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.hot import ROUTES
from tests.postgresql import Server, find_programs

ROOT = Path(__file__).resolve().parent.parent


class Served:
    """A revision that answers requests in a process of its own."""

    def __init__(self, name: str, source: Path, place: dict[str, object]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.hot", json.dumps(place)],
            cwd=source,  # which goes before the path
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.trips: dict[str, int] = {}
        self.times: dict[str, list[float]] = {route: [] for route in ROUTES}

    def ask(self, route: str, number: int) -> dict[str, Any]:
        """Let it make some requests, and return what they cost."""
        assert self.process.stdin is not None  # noqa: S101 (both are pipes)
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.write(f"{number} {route}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def served(base: str | None) -> Iterator[list[Served]]:
    """Serve another revision, if one is given, and the present one, each on its own database."""
    programs = find_programs()
    if programs is None:
        raise SystemExit("bench.cost: PostgreSQL (initdb and pg_ctl) is not installed")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        sources = {"now": ROOT}
        if base is not None:
            sources = {base: folder / "base", "now": ROOT}
            archive = subprocess.run(
                ["git", "archive", base, "api"], cwd=ROOT, check=True, capture_output=True
            ).stdout
            sources[base].mkdir()
            subprocess.run(["tar", "-x"], cwd=sources[base], check=True, input=archive)
        (folder / "postgresql").mkdir()
        server = Server(programs, folder / "postgresql", durable=True)
        server.start()
        stack.callback(server.stop)
        found = []
        for name, source in sources.items():
            found.append(Served(name, source, server.new_database()))
            stack.callback(found[-1].close)
        yield found


def measure(found: list[Served], rounds: int, requests: int) -> None:
    """Alternate between the revisions; the first round warms up."""
    for number in range(1 + rounds):
        for route in ROUTES:
            for each in found:
                cost = each.ask(route, requests)
                each.trips[route] = cost["trips"]
                if number > 0:
                    each.times[route].append(cost["cpu_ms"])


def main() -> None:
    """Print a row for each route: round trips and milliseconds of CPU, before and now."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("--base", help="a revision to compare with")
    parser.add_argument("--rounds", type=int, default=9, help="default: 9")
    parser.add_argument("--requests", type=int, default=100, help="in a round; default: 100")
    given = parser.parse_args()
    started = time.monotonic()
    with served(given.base) as found:
        measure(found, given.rounds, given.requests)
    names = [f"{what}, {each.name}" for what in ("round trips", "CPU ms") for each in found]
    print(f"| | {' | '.join(names)} | ratio |")
    print("| --- |" + " ---: |" * (len(names) + 1))
    for route in ROUTES:
        medians = [statistics.median(each.times[route]) for each in found]
        cells = [*(str(each.trips[route]) for each in found), *(f"{each:.2f}" for each in medians)]
        print(f"| `{route}` | {' | '.join(cells)} | {medians[-1] / medians[0]:.2f} |")
    print(f"{given.rounds} rounds, {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
