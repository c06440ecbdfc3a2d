import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.tools.conftest import FakeKubectl
from tools import project
from tools.cluster import probe
from tools.cluster.kube import Kube
from tools.command import ToolError

KUBE = Kube("laptop")
HOST = project.hosts()["dev"]


class Api(BaseHTTPRequestHandler):
    """Answers /readyz after as many 503s as the server still has to give."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.hosts.append(self.headers["Host"])
        known = self.path == "/readyz" and self.headers["Host"] in server.served
        status = 503 if server.failures else 200 if known else 404
        server.failures = max(0, server.failures - 1)
        body = b'{"status": "ready"}' if status == 200 else b"the database is away"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


class Server(ThreadingHTTPServer):
    """Both the port-forward's end and the ingress."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.failures = 0
        self.hosts: list[str] = []
        self.served = {f"127.0.0.1:{self.server_port}", HOST}


@pytest.fixture
def server(kubectl: FakeKubectl) -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        line = f"Forwarding from 127.0.0.1:{server.server_port} -> 8888\n"
        kubectl.answer("port-forward", line, stay=30)
        yield server
        server.shutdown()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_both_ways_are_asked_and_the_body_is_shown(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    probe.probe(KUBE, "dev", url(server) + "/", 5)
    forwarded, ingress = capsys.readouterr().out.splitlines()
    assert forwarded.endswith('port-forward to slipway-dev: 200 {"status": "ready"}')
    assert ingress.endswith(f"Host: {HOST}: 200")
    assert server.hosts[-1] == HOST


def test_a_service_that_is_late_is_waited_for(server: Server) -> None:
    server.failures = 1
    probe.probe(KUBE, "dev", url(server), 5)


def test_a_service_that_stays_away_is_given_up_with_its_last_words(server: Server) -> None:
    server.failures = 1000
    with pytest.raises(ToolError, match=r"not ready after 0 s: 503 the database is away"):
        probe.probe(KUBE, "dev", url(server), 0)


def test_an_ingress_that_does_not_know_the_host_is_an_error(server: Server) -> None:
    server.served.discard(HOST)
    with pytest.raises(ToolError, match=f"Host: {HOST} is not ready after 0 s: 404"):
        probe.probe(KUBE, "dev", url(server), 0)


@pytest.mark.usefixtures("server")
def test_nobody_listening_is_an_error_that_names_the_address() -> None:
    with pytest.raises(ToolError, match=r"http://127\.0\.0\.1:1/readyz.*refused"):
        probe.probe(KUBE, "dev", "http://127.0.0.1:1", 0)
