"""A ledger on this machine, served as anywhere, that controllers send their events to."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.controllers.waiting import until
from tools.cluster.probe import OPENER
from tools.command import ROOT

# Dev's database is not a service of ours.
RULES = "argocd: {services: {postgres: null}}\n"


@dataclass(frozen=True)
class Ledger:
    """A running ledger, and the token that Argo CD has for it."""

    url: str
    token: str

    def get(self, path: str) -> dict[str, Any]:
        with OPENER.open(f"{self.url}/api/v1/{path}", timeout=10) as response:
            found: dict[str, Any] = json.load(response)
        return found

    def items(self, path: str) -> list[dict[str, Any]]:
        return list(self.get(path)["items"])

    def deployments(self, env: str) -> list[dict[str, Any]]:
        """Return what is known to have been deployed in an environment, oldest first."""
        return self.items(f"deployments?environment={env}&limit=200")[::-1]

    def told(self, env: str) -> list[str]:
        """Return what was said of each deployment in an environment, a line for each statement."""
        return [
            f"{each['version']}: {one['said']['status']}, {one['said']['finished_at']}"
            f" (resource version {one['sequence']})"
            for each in self.deployments(env)
            for one in self.items(f"deployments/{each['id']}/evidence")
        ]

    def events(self, outcome: str) -> list[dict[str, Any]]:
        return self.items(f"events?source=argocd&outcome={outcome}&limit=200")


@contextmanager
def serving(folder: Path) -> Iterator[Ledger]:
    """Serve an empty ledger at LEDGER_HOST, an address that the cluster's controllers reach."""
    host = os.environ.get("LEDGER_HOST") or "127.0.0.1"
    rules = folder / "rules.yaml"
    rules.write_text(RULES)
    settings = {
        "SLIPWAY_DATA_DIR": str(folder),
        "SLIPWAY_PUBLIC_READ": "true",
        "SLIPWAY_EVENT_RULES_FILE": str(rules),
        "FLASK_APP": "api",
    }
    env = os.environ | settings

    def flask(*args: str) -> str:
        command = [sys.executable, "-m", "flask", *args]
        return subprocess.run(
            command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    flask("ledger", "migrate")
    token = flask("tokens", "create", "argocd", "--scope", "ingest:argocd")
    with socket.socket() as free:
        free.bind((host, 0))
        address = f"{host}:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "--bind", address, "api:application"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        ledger = Ledger(f"http://{address}", token)
        until("the ledger serves", lambda: _is_ready(ledger.url), 30)
        yield ledger
    finally:
        server.terminate()
        server.wait(30)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
