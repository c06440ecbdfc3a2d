"""The real ledger, served to the commands that ask it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from werkzeug.serving import WSGIRequestHandler, make_server

from api.app import create_app
from api.settings import Settings

TOKEN = "an-admin-token-that-only-the-tests-know"


class QuietHandler(WSGIRequestHandler):
    """Writes no line for each request: what the command prints is read."""

    def log(self, *_: Any) -> None:
        pass


@cache
def client() -> httpx.Client:
    """Return what sends: to make one reads all certificates, which takes longer than a test."""
    return httpx.Client(timeout=60)


@dataclass(frozen=True)
class Served:
    """A ledger at a URL, and its settings."""

    url: str
    settings: Settings

    def send(self, method: str, path: str, **document: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = client().request(
            method, f"{self.url}/api/v1/{path}", json=document, headers=headers
        )
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def deployed(self, environment: str, version: str, **fields: Any) -> dict[str, Any]:
        body = {"service": "shop", "environment": environment, "version": version, **fields}
        return self.send("POST", "deployments", **{"status": "succeeded", **body})


@contextmanager
def served(token: Path, folder: Path) -> Iterator[Served]:
    """Serve a ledger on a port of the loopback address, with the admin's token in a file."""
    token.write_text(TOKEN)
    app = create_app(
        {
            "DATA_DIR": folder,
            "ADMIN_TOKEN_FILE": token,
            "LOG_LEVEL": "error",
            # Of all tests together.
            "RATE_LIMIT": "1000000 per minute",
            "AUTH_FAILURE_LIMIT": "1000000 per minute",
        }
    )
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.port}", app.extensions["settings"])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["database_probe"].close()
        app.extensions["database"].close()
