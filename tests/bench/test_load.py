"""The clients of the benchmark: they count answers, and time them from when they were due."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import load
from bench.requests import GITHUB, REPORT, ROUTES, Known
from tools.command import ToolError

DELAY_S = 0.05


class Handler(BaseHTTPRequestHandler):
    """Answers each request with its path; the first one of a server keeps its client waiting."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        if server.slow.is_set():
            server.slow.clear()
            threading.Event().wait(DELAY_S)
        body = self.path.encode()
        self.send_response(304 if self.path == "/same" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path != "/same":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server whose first answer can be slow."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.slow = threading.Event()


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve until the test ends."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asking(path: str) -> bytes:
    return Known("secret").request("GET", path)


def test_an_answer_has_its_status_its_headers_and_its_body(server: Server) -> None:
    answer = load.once(server.server_port, asking("/one"))

    assert (answer.status, answer.body) == (200, b"/one")
    assert answer.headers["content-length"] == "4"
    assert load.once(server.server_port, asking("/same")).body == b""


def test_clients_that_do_not_pause_count_their_answers(server: Server) -> None:
    answers, seconds = load.saturate(server.server_port, lambda: asking("/"), 200, 2, 0.05)

    assert answers >= 2
    assert seconds >= 0.05


def test_a_slow_answer_makes_those_behind_it_late(server: Server) -> None:
    server.slow.set()
    taken = load.pace(server.server_port, lambda: asking("/"), 200, 200, 1, 0.05)

    assert len(taken) == 10
    # Ten were due within 45 ms, while the only client waited for the first answer.
    assert taken[0] >= DELAY_S * 1000
    assert taken[1] >= DELAY_S * 1000 - 10


def test_another_status_ends_the_run(server: Server) -> None:
    with pytest.raises(ToolError, match="200 instead of 201"):
        load.saturate(server.server_port, lambda: asking("/"), 201, 1, 0.05)


def test_no_two_reports_and_no_two_deliveries_are_the_same() -> None:
    known = Known("secret", "1", '"etag"')
    same = {route.name: route.make(known, 1) == route.make(known, 2) for route in ROUTES}

    assert not same[REPORT.name]
    assert not same[GITHUB.name]
    assert b"Authorization: Bearer secret\r\n" in REPORT.make(known, 1)
