"""Compare lists of reports with what PostgreSQL itself can do: rows a second.

pgbench inserts single rows with the same columns and indexes, with eight clients, each row in a
transaction of its own. The service records lists of a thousand reports, one after the other: in one
process, without a network or Gunicorn. Rounds alternate between both, each on its own database of
one server that waits for the disk; a figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from flask.testing import FlaskClient

from api.app import create_app
from api.domain.deployments.model import MAX_BATCH
from api.migrate import upgrade
from bench.hot import ENVIRONMENTS, SERVICES, URL
from tests.postgresql import Server, find_programs

CLIENTS = 8
ROW = """
INSERT INTO deployments (id, service_id, environment_id, version, kind, status, started_at,
    finished_at, created_at, links, source, external_id)
SELECT gen_random_uuid(), services.id, environments.id, '1.' || (random() * 1e9)::int, 'rollout',
    'succeeded', now(), now(), now(), '[]', 'ci', gen_random_uuid()::text
FROM services, environments
WHERE services.name = 'service-' || lpad((random() * 39)::int::text, 2, '0')
    AND environments.name = (ARRAY['dev', 'staging', 'prod'])[1 + (random() * 2)::int];
"""
NUMBERS = count(1)


def batch() -> list[dict[str, str]]:
    """Return reports of new deployments, in turn of each service in each environment."""
    return [
        {
            "service": SERVICES[number % 40],
            "environment": ENVIRONMENTS[number % 3],
            "version": f"1.{number}",
            "source": "ci",
            "external_id": f"{number}",
        }
        for number in (next(NUMBERS) for _ in range(MAX_BATCH))
    ]


def client_of(place: dict[str, object], folder: Path) -> FlaskClient:
    """Return a client of a ledger with a deployment in each of its 120 cells."""
    token = folder / "token"
    token.write_text("a-token-that-only-this-benchmark-knows")
    app = create_app(
        {**place, "ADMIN_TOKEN_FILE": token, "THREADS": 1, "RATE_LIMIT": "1000000/second"}
    )
    upgrade(app.extensions["database"].engine)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token.read_text()}"
    record(client, 1)
    return client


def record(client: FlaskClient, lists: int) -> float:
    """Record some lists; return how many reports were recorded a second."""
    started = time.perf_counter()
    for _ in range(lists):
        response = client.post(URL, json=batch())
        if response.status_code != 201:  # noqa: PLR2004
            raise SystemExit(response.text)
    return lists * MAX_BATCH / (time.perf_counter() - started)


def insert(programs: Path, place: dict[str, object], script: Path, seconds: int) -> float:
    """Insert single rows with pgbench; return how many were inserted a second."""
    command: list[str | Path] = [
        programs / "pgbench",
        "--no-vacuum",
        f"--client={CLIENTS}",
        f"--time={seconds}",
    ]
    command += [f"--host={place['DATABASE_HOST']}", f"--username={place['DATABASE_USER']}"]
    command += [f"--file={script}", "--protocol=prepared", str(place["DATABASE_NAME"])]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"tps = ([0-9.]+)", told)
    if found is None or "number of failed transactions: 0 " not in told:
        raise SystemExit(told)
    return float(found[1])


def main() -> None:
    """Print the medians of both, and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m bench.bulk", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--seconds", type=int, default=3, help="of pgbench, a round; default: 3")
    given = parser.parse_args()
    programs = find_programs()
    if programs is None:
        raise SystemExit("bench.bulk: PostgreSQL (initdb, pg_ctl and pgbench) is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "postgresql").mkdir()
        script = folder / "row.sql"
        script.write_text(ROW)
        server = Server(programs, folder / "postgresql", durable=True)
        server.start()
        try:
            here, there = server.new_database(), server.new_database()
            ledger, _ = client_of(here, folder), client_of(there, folder)
            ways: dict[str, Callable[[], float]] = {
                f"single rows, pgbench with {CLIENTS} clients": lambda: insert(
                    programs, there, script, given.seconds
                ),
                f"lists of {MAX_BATCH} reports": lambda: record(ledger, given.seconds),
            }
            found: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(given.rounds):
                for way, run in ways.items():
                    found[way].append(run())
        finally:
            server.stop()
    medians = {way: statistics.median(rates) for way, rates in found.items()}
    single, listed = medians.values()
    print("| | rows a second |\n| --- | ---: |")
    for way, rate in medians.items():
        print(f"| {way} | {rate:,.0f} |")
    print(f"| ratio | {listed / single:.2f} |")


if __name__ == "__main__":
    main()
