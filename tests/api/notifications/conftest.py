"""A receiver of notifications on loopback, and a notifier that may reach it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.database import Database
from api.notifier import Notifier
from tests.api.conftest import Apps, json_of

INSIDE = "127.0.0.1"


@dataclass
class Receiver:
    """What came, and what it answers: the next of `answers`, then 204."""

    server: HTTPServer
    url: str = ""
    answers: list[int] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.came.append(({name.lower(): each for name, each in self.headers.items()}, body))
            found.paths.append(self.path)
            self.send_response(found.answers.pop(0) if found.answers else 204)
            self.send_header("Location", f"{found.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((INSIDE, 0), Handler)
    found = Receiver(server, f"http://{INSIDE}:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def app(apps: Apps, migrated_database: dict[str, object]) -> Iterator[APIFlask]:
    with apps.lend(migrated_database, NOTIFICATION_PRIVATE_HOSTS=INSIDE) as app:
        yield app


@pytest.fixture
def notifier(database: Database) -> Notifier:
    return Notifier(database, {INSIDE})


@pytest.fixture
def secret(client: FlaskClient, receiver: Receiver) -> str:
    """Subscribe the receiver to everything; return the secret."""
    types = ["deployment.finished", "promotion.pending"]
    made = client.post("/api/v1/subscriptions", json={"url": receiver.url, "types": types})
    return str(json_of(made)["secret"])


def told(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    """Return the deliveries, newest first."""
    return list(json_of(client.get(f"/api/v1/deliveries{query}"))["items"])
