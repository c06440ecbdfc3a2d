"""Flood a ledger with events while its database crashes, and check that none is lost.

The ledger is served as in production, by Gunicorn (on loopback) and a PostgreSQL of this machine.
It gets events of GitHub in random order, three in ten of them duplicates. Halfway, the database is
stopped as by a crash, and started again some seconds later. A sender that gets 503 or no answer
sends the same delivery again. In the end, an acknowledged delivery must be stored exactly once, and
a refused one must not be stored; one that was never answered may or may not be. The deployments
must be exactly those of the events. Every violation is printed, and the run ends with status 1.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx

from bench.accounting import Account, judge, untold
from bench.deliveries import Flood, flood
from tests.ports import free_port
from tests.postgresql import Server, find_programs

ROOT = Path(__file__).parent.parent
SECRET = "a secret that only the flood knows"  # noqa: S105
ADMIN_TOKEN = "an-admin-token-that-only-the-flood-knows"  # noqa: S105
OUTAGE_S = 3.0
# A sender doubles its wait after each attempt, up to a limit, and gives up after so many attempts.
LONGEST_WAIT_S, TRIES = 2.0, 60


@dataclass
class Report:
    """The result of a flood: figures by their names, and violations."""

    figures: dict[str, float]
    faults: list[str]


@dataclass
class Ledger:
    """A ledger served on loopback, and its database."""

    client: httpx.Client
    server: Server

    def send(self, account: Account) -> Account:
        """Send a delivery until it is acknowledged or refused, or the attempts are used up."""
        for number in range(TRIES):
            try:
                answer = self.client.post(
                    "/api/v1/webhooks/github",
                    content=account.delivery.body,
                    headers=account.delivery.headers,
                ).status_code
            except httpx.TransportError:
                answer = None
            account.answers.append(answer)
            if answer is not None and answer < 500:  # noqa: PLR2004
                break
            longest = min(0.1 * 2**number, LONGEST_WAIT_S)
            time.sleep(random.uniform(longest / 2, longest))  # noqa: S311
        return account

    def items(self, what: str) -> Iterator[dict[str, Any]]:
        """Yield the items of every page of a list."""
        query: dict[str, str | int] = {"limit": 200}
        while True:
            page = self.client.get(
                f"/api/v1/{what}",
                params=query,
                headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
            )
            told = page.raise_for_status().json()
            yield from told["items"]
            if told["next_cursor"] is None:
                return
            query["cursor"] = told["next_cursor"]


def run(count: int, senders: int, programs: Path) -> Report:
    """Send a flood of `count` deliveries, and compare the answers with what is stored."""
    sent = flood(count, SECRET)
    with served(programs, senders) as ledger:
        started = time.monotonic()
        accounts, restart_s = _pour(ledger, sent, senders)
        seconds = time.monotonic() - started
        stored = Counter(each["delivery_id"] for each in ledger.items("events"))
        faults = judge(sent, accounts, stored, list(ledger.items("deployments")))
    answers = Counter(answer for each in accounts for answer in each.answers)
    unsure = [each for each in accounts if not each.acknowledged and not each.refused]
    figures = {
        "deliveries": len(accounts),
        "duplicates among them": len(accounts) - len({each.delivery.id for each in accounts}),
        "acknowledged": sum(each.acknowledged for each in accounts),
        "refused": sum(each.refused for each in accounts),
        "never answered": len(unsure),
        "answers 202 or 204 (stored)": answers[202] + answers[204],
        "answers 200 (came before)": answers[200],
        "answers 503, sent again": answers[503],
        "no answer, sent again": answers[None],
        "stored though nobody was told so": untold(accounts, stored),
        "events stored": stored.total(),
        "deployments": len(sent.deployments),
        "seconds": round(seconds, 1),
        "seconds until ready after the database was back": round(restart_s, 1),
        "deliveries a second, the crash included": round(len(accounts) / seconds),
    }
    return Report(figures, faults)


@contextmanager
def served(programs: Path, senders: int) -> Iterator[Ledger]:
    """Serve an empty ledger on loopback, with a PostgreSQL that waits for the disk on commit."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        (folder / "postgresql").mkdir()
        (folder / "secret").write_text(SECRET)
        (folder / "admin-token").write_text(ADMIN_TOKEN)
        server = Server(programs, folder / "postgresql", durable=True)
        server.start()
        stack.callback(server.stop)
        settings = {
            **server.new_database(),
            "ADMIN_TOKEN_FILE": folder / "admin-token",
            "WEBHOOK_GITHUB_SECRET_FILE": folder / "secret",
            "RATE_LIMIT": "1000000 per second",
            "AUTH_FAILURE_LIMIT": "1000000 per second",
            "LOG_LEVEL": "error",
        }
        environment = {name: each for name, each in os.environ.items() if "SLIPWAY_" not in name}
        environment |= {f"SLIPWAY_{name}": str(value) for name, value in settings.items()}
        _start(environment, "flask", "--app", "api", "ledger", "migrate").wait()
        address = f"127.0.0.1:{free_port()}"
        gunicorn = _start(environment, "gunicorn", "-b", address, "api:application")
        stack.callback(gunicorn.wait)
        stack.callback(gunicorn.terminate)
        limits = httpx.Limits(max_connections=senders)
        client = httpx.Client(base_url=f"http://{address}", timeout=30, limits=limits)
        ledger = Ledger(stack.enter_context(client), server)
        _await(ledger.client)
        yield ledger


def _pour(ledger: Ledger, sent: Flood, senders: int) -> tuple[list[Account], float]:
    """Send everything, with a crash in the middle; also return the seconds until it was ready."""
    accounts, restart_s = [], 0.0
    size = len(sent.deliveries)
    with (
        ThreadPoolExecutor(senders) as pool,
        click.progressbar(length=size, label="events", file=sys.stderr, show_pos=True) as bar,
    ):
        waiting = [pool.submit(ledger.send, Account(each)) for each in sent.deliveries]
        for done in as_completed(waiting):
            accounts.append(done.result())
            bar.update(1)
            if len(accounts) == size // 2:
                ledger.server.stop()
                time.sleep(OUTAGE_S)
                ledger.server.resume()
                started = time.monotonic()
                _await(ledger.client)
                restart_s = time.monotonic() - started
    return accounts, restart_s


def _start(environment: dict[str, str], *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )


def _await(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if client.get("/readyz").status_code == 200:  # noqa: PLR2004
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit("the ledger is not ready after a minute")
        time.sleep(0.05)


def main() -> None:
    """Run the flood."""
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="deliveries; default: 20000")
    parser.add_argument("--senders", type=int, default=8, help="at the same time; default: 8")
    given = parser.parse_args()
    programs = find_programs()
    if programs is None:
        raise SystemExit("no PostgreSQL on this machine: initdb and pg_ctl are needed")
    report = run(given.events, given.senders, programs)
    for name, figure in report.figures.items():
        print(f"{name}: {figure:,}")
    for fault in report.faults:
        print(f"wrong: {fault}", file=sys.stderr)
    if report.faults:
        raise SystemExit(1)
    print("nothing acknowledged is lost, nothing is double")


if __name__ == "__main__":
    main()
