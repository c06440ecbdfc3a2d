"""Clients that are slow, or send what the server cannot read, as Gunicorn serves the API."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gunicorn.http.errors import NoMoreData

from api.clients import ClientSocket, Threads
from tests.api.conftest import ADMIN_TOKEN
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
AUTHORIZATION = f"Authorization: Bearer {ADMIN_TOKEN}"
JSON = "Content-Type: application/json"
SIGNATURE = "X-Hub-Signature-256: sha256=" + "0" * 64
PATIENCE_S = 20


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        return document


class Server(NamedTuple):
    port: int
    process: subprocess.Popen[bytes]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def send(self, *lines: str) -> socket.socket:
        """Send the lines of a head, without the empty one that ends it unless it is given."""
        connection = self.connect()
        connection.sendall("\r\n".join((*lines, "")).encode())
        return connection

    def ask(self, *lines: str) -> Answer:
        with self.send(*lines, "") as connection:
            return answer(connection)


def answer(connection: socket.socket) -> Answer:
    """Read one answer."""
    with connection.makefile("rb") as lines:
        status = int(lines.readline().split()[1])
        headers = {}
        while line := lines.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = lines.read(int(headers.get("content-length", 0)))
    return Answer(status, headers, body)


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Serve a ledger as its users do."""
    (folder / "token").write_text(ADMIN_TOKEN)
    (folder / "secret").write_text("a secret that only GitHub knows")
    settings = {
        "DATA_DIR": folder / "data",
        "ADMIN_TOKEN_FILE": folder / "token",
        "WEBHOOK_GITHUB_SECRET_FILE": folder / "secret",
        "AUTH_FAILURE_LIMIT": "1000000 per second",
        "LOG_LEVEL": "error",
    }
    environment = os.environ | {f"SLIPWAY_{name}": str(value) for name, value in settings.items()}
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "api:application"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            server = Server(port, process)
            wait_for(server)
            yield server
        finally:
            process.kill()


def wait_for(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(ConnectionError):
            if server.ask("GET /readyz HTTP/1.1", "Host: x").status == 200:
                return
        time.sleep(0.05)
    raise TimeoutError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("served")) as started:
        yield started


POST = "POST /api/v1/deployments HTTP/1.1"
EVENT = "POST /api/v1/webhooks/github HTTP/1.1"
LENGTH = "Content-Length: 1000"


def test_slow_clients_hold_up_nobody(server: Server) -> None:
    heads = [POST, "Host: x", "X-Slow: "]
    bodies = [EVENT, "Host: x", JSON, SIGNATURE, LENGTH, "", "{"]
    refused = [POST, "Host: x", JSON, LENGTH, "", "{"]
    done = ["GET /healthz HTTP/1.1", "Host: x", "Connection: close", ""]
    with ExitStack() as stack:
        for lines in (heads, bodies, refused, done, []):
            for _ in range(40):
                stack.enter_context(server.send(*lines))
        for _ in range(20):
            started = time.monotonic()
            assert server.ask("GET /readyz HTTP/1.1", "Host: x").status == 200
            assert time.monotonic() - started < 4  # it would be five for each thread held


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (401, [POST, JSON]),
        (401, [POST, JSON, "Authorization: Bearer no-such-token"]),
        (401, [EVENT, JSON, "X-Hub-Signature-256: sha256=00"]),
        (401, [EVENT, JSON, "X-Hub-Signature-256: md5=" + "0" * 32]),
        (401, ["POST /api/v1/webhooks/flux HTTP/1.1", JSON, "X-Signature: sha256=" + "0" * 64]),
        (415, [EVENT, "Content-Type: text/plain", SIGNATURE]),
        (415, [POST, "Content-Type: text/plain", AUTHORIZATION]),
        (415, [POST, "Content-Type: text/plain", AUTHORIZATION, "Idempotency-Key: 1"]),
        (422, [POST, JSON, AUTHORIZATION, "Idempotency-Key: é"]),
        (422, ["POST /api/v1/deployments?a=1 HTTP/1.1", JSON, AUTHORIZATION]),
        (404, ["POST /api/v1/no-such-route HTTP/1.1", JSON]),
        (405, ["DELETE /api/v1/deployments HTTP/1.1", JSON, AUTHORIZATION]),
    ],
)
def test_what_is_refused_anyway_is_refused_before_its_body_is_read(
    server: Server, status: int, head: list[str]
) -> None:
    with server.send(*head, "Host: x", LENGTH, "", "{") as connection:
        told = answer(connection)
        told.problem()
        assert (told.status, told.headers["connection"]) == (status, "close")
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("head", "limit"), [([POST, AUTHORIZATION], 2 << 20), ([EVENT, SIGNATURE], 1 << 20)]
)
def test_what_is_too_long_is_refused_before_its_body_is_read(
    server: Server, head: list[str], limit: int
) -> None:
    told = server.ask(*head, JSON, "Host: x", f"Content-Length: {limit + 1}")

    assert (told.status, told.headers["connection"]) == (413, "close")


def test_a_client_may_ask_before_it_sends_the_body(server: Server) -> None:
    head = [JSON, "Host: x", "Content-Length: 2", "Expect: 100-continue"]
    assert server.ask(POST, *head).status == 401
    with server.send(POST, AUTHORIZATION, *head, "") as connection:
        assert answer(connection).status == 100
        connection.sendall(b"{}")
        assert answer(connection).status == 422


def test_a_connection_is_kept_for_the_next_request_if_nothing_of_the_first_is_left(
    server: Server,
) -> None:
    lines = [POST, "Host: x", JSON, AUTHORIZATION, "Content-Length: 2", "", "{}"]
    with server.send(*lines) as connection:
        for _ in range(2):
            assert answer(connection).headers["connection"] == "keep-alive"
            connection.sendall("\r\n".join(["", *lines])[2:].encode())


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (400, ["GET /healthz"]),
        (400, ["GET /healthz HTTP/9.9"]),
        (400, ["get /healthz HTTP/1.1"]),
        (400, ["GET /healthz HTTP/1.1", "no colon"]),
        (400, ["GET /healthz HTTP/1.1", "Host: x", "Host: y"]),
        (400, ["GET /healthz HTTP/1.1", "Host : x"]),
        (400, ["GET /healthz HTTP/1.1", "X: a\0b"]),
        (400, [POST, "Content-Length: 2", "Content-Length: 2"]),
        (400, [POST, "Content-Length: -1"]),
        (400, [POST, "Content-Length: +1"]),
        (400, [POST, "Content-Length: " + "9" * 5000]),
        (400, [POST, "Content-Length: 2", "Transfer-Encoding: chunked"]),
        (400, [POST, "Transfer-Encoding: chunked, chunked"]),
        (400, [POST, "Transfer-Encoding: gzip"]),
        (501, [POST, "Transfer-Encoding: x"]),
        (417, [POST, "Expect: 200-ok"]),
        (414, ["GET /" + "a" * 10_000 + " HTTP/1.1"]),
        (431, ["GET /healthz HTTP/1.1", "X: " + "a" * 20_000]),
        (431, ["GET /healthz HTTP/1.1", *["X: a"] * 200]),
    ],
)
def test_what_the_server_cannot_read_is_a_problem_document(
    server: Server, status: int, head: list[str]
) -> None:
    told = server.ask(*head)

    assert told.problem()["status"] == status
    assert told.headers["connection"] == "close"


@pytest.mark.parametrize("size", ["-5", "0x5", "5;", ""])
def test_a_malformed_chunk_is_a_bad_request(server: Server, size: str) -> None:
    lines = [POST, "Host: x", JSON, AUTHORIZATION, "Transfer-Encoding: chunked"]
    with server.send(*lines, "", size, "hello", "0", "") as connection:
        assert answer(connection).status == 400


def test_a_header_of_10_kib_is_named_by_the_application(server: Server) -> None:
    key = "Idempotency-Key: " + "x" * 10_240
    told = server.ask(POST, "Host: x", AUTHORIZATION, "Content-Length: 0", key)

    (fault,) = told.problem()["errors"]
    assert (told.status, fault["header"]) == (422, "Idempotency-Key")


def test_no_header_moves_the_application(server: Server) -> None:
    assert server.ask("GET /healthz HTTP/1.1", "Host: x", "SCRIPT_NAME: /x").status == 200


def test_a_request_that_is_on_its_way_when_it_stops_is_answered(tmp_path: Path) -> None:
    with (
        served(tmp_path) as server,
        server.send(POST, "Host: x", JSON, AUTHORIZATION, "Content-Length: 4", "", "{") as slow,
        server.connect() as silent,
    ):
        assert server.ask("GET /healthz HTTP/1.1", "Host: x").status == 200
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert silent.recv(1) == b""
        slow.sendall(b"}")
        told = answer(slow)
        assert (told.status, told.headers["connection"]) == (422, "close")
        assert server.process.wait(PATIENCE_S) == 0
        assert time.monotonic() - started < 12  # it would wait 15 s for the silent one


@pytest.fixture
def pair() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """Return both ends of a connection: the server's, and the client's."""
    ours, theirs = socket.socketpair()
    with ClientSocket(ours, Threads(1)) as client, theirs:
        yield client, theirs


def test_nothing_is_received_after_the_deadline(pair: tuple[ClientSocket, socket.socket]) -> None:
    client, theirs = pair
    client.settimeout(0.05)
    theirs.sendall(b"a")
    assert client.recv(10) == b"a"
    with pytest.raises(NoMoreData):
        client.recv(10)


def test_nobody_waits_for_a_client_that_takes_no_response(
    pair: tuple[ClientSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.clients.RESPONSE_TIMEOUT_S", 0.05)
    with pytest.raises(NoMoreData):
        pair[0].sendall(bytes(10_000_000))


def test_the_head_of_a_response_is_sent_with_its_body(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    client, theirs = pair
    theirs.setblocking(False)
    with client.joined():
        client.sendall(b"head, ")
        with pytest.raises(BlockingIOError):
            theirs.recv(100)
        client.sendall(b"body, ")
        assert theirs.recv(100) == b"head, body, "
        client.sendall(b"more of it")
        assert theirs.recv(100) == b"more of it"
    with client.joined():
        client.sendall(b"no body")
    assert theirs.recv(100) == b"no body"


def test_a_client_may_ask_for_the_body_though_the_response_has_not_begun(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    client, theirs = pair
    client.settimeout(0.05)
    client.expects_continue = True
    with client.joined(), pytest.raises(NoMoreData):
        client.recv(100)
    assert theirs.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_thread_stays_with_a_client_that_sends_more_at_once_unless_others_wait(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    client, theirs = pair
    assert not client.has_more()
    theirs.sendall(b"GET")
    assert client.has_more()
    threads, busy = Threads(1), threading.Event()
    assert not threads.has_jobs()
    threads.submit(busy.wait, PATIENCE_S)
    waits = threads.submit(lambda: None)
    assert threads.has_jobs()
    busy.set()
    waits.result(PATIENCE_S)
    assert not threads.has_jobs()


def test_a_thread_that_waits_is_replaced_and_not_more() -> None:
    threads = Threads(1)

    def wait() -> str:
        with threads.waiting():
            return str(threads.submit(lambda: "done meanwhile").result(PATIENCE_S))

    for _ in range(3):
        assert threads.submit(wait).result(PATIENCE_S) == "done meanwhile"
