"""Measure what a request costs that does nothing: for Gunicorn alone, for Flask, and for us.

The rest of what a request costs is the service's own. All three are served by our worker with the
settings of the image, in alternating rounds:

    python -m bench.floor
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flask import Flask

from bench import contenders, load
from tools.command import ROOT, exit_with, say

BODY = b'{"status":"ok"}\n'
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"
SERVED = {
    "Gunicorn": "bench.floor:plain",
    "Flask": "bench.floor:empty",
    "the service": "api:application",
}
ROUNDS, CLIENTS, SECONDS = 7, 8, 0.5

empty = Flask("empty")


@empty.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer what the service answers."""
    return {"status": "ok"}


def plain(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer the same without Flask."""
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]
    start_response("200 OK", headers)
    return [BODY]


def main() -> None:
    """Print the CPU time of a request, of the median round."""
    cpu_ms: dict[str, list[float]] = {name: [] for name in SERVED}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = {"DATA_DIR": Path(folder), "PUBLIC_READ": True}
        servers = [
            stack.enter_context(contenders.gunicorn(name, ROOT, place, application, "/healthz"))
            for name, application in SERVED.items()
        ]
        for _ in range(ROUNDS):
            for server in servers:
                before = server.cpu_s()
                port = server.port
                answers, _ = load.saturate(port, lambda: REQUEST, 200, CLIENTS, SECONDS)
                cpu_ms[server.name].append((server.cpu_s() - before) * 1000 / answers)
    for name, figures in cpu_ms.items():
        say(f"{name}: {statistics.median(figures):.2f} ms")


if __name__ == "__main__":
    exit_with(main)
