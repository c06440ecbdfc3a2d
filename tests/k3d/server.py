"""What an HTTP server of the engine's API is made of, whatever is asked of it."""

import json
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from urllib.parse import parse_qsl, urlsplit

from tests.k3d.engine import Engine, Json, RefusedError


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    engine: Engine
    routes: Sequence[tuple[str, str, Callable[..., None]]]

    def answer(self) -> None:
        """Answer a request by the first route that matches."""
        url = urlsplit(self.path)
        self.query = dict(parse_qsl(url.query))
        self.body = self.read()
        try:
            self.route(re.sub(r"^/v[\d.]+", "", url.path))
        except RefusedError as error:
            self.reply({"message": str(error)}, error.status)

    def route(self, path: str) -> None:
        """Do what a path asks for. Refuses, and notes, one that is not known."""
        for method, pattern, do in self.routes:
            found = re.fullmatch(pattern, path)
            if found and method == self.command:
                do(self, *found.groups())
                return
        self.engine.unknown.append(f"{self.command} {path}")
        raise RefusedError(f"{self.command} {path} is not known here")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - their names

    def read(self) -> bytes:
        """Return the body, whichever way it was sent."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(
        self, content: object = None, status: HTTPStatus = HTTPStatus.OK, **headers: str
    ) -> None:
        """Send JSON, or bytes as they are."""
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if status != HTTPStatus.NO_CONTENT and self.command != "HEAD":
            self.wfile.write(sent)

    def json(self) -> Json:
        """Return the body as what it says."""
        said: Json = json.loads(self.body)
        return said

    def wanted(self) -> Json:
        """Return the filters of a list."""
        filters: Json = json.loads(self.query.get("filters", "{}"))
        return filters

    def address_string(self) -> str:
        """Return who asks: a socket's client has no address."""
        return "client"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def listening(engine: Engine, handler: type[Handler]) -> Iterator[str]:
    """Serve an engine on a socket of its own; give its address, for DOCKER_HOST."""
    bound = type("Bound", (handler,), {"engine": engine})
    # Not in pytest's folder: the path of a socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="docker-") as folder:
        address = f"{folder}/docker.sock"
        with ThreadingUnixStreamServer(address, bound) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield f"unix://{address}"
            finally:
                server.shutdown()
                thread.join()
