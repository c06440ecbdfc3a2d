"""The examples of the documents: run in order on a ledger with the demo history, and written anew.

An example is a `console` block with one curl command and what it answers. Long answers are cut:
lists of more than two objects to the first, the headers of `-i` to those that matter. Ids, tokens,
cursors and ETags are others each time: where a command has one that an earlier answer shows, the
one that came is sent instead.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import demo
from api.app import create_app
from api.domain.kit.times import now
from tests.layout import cut, dump, fold

ROOT = Path(__file__).parent.parent
README, REFERENCE = ROOT / "README.md", ROOT / "docs/api.md"
BLOCK = re.compile(r"```console\n\$ (curl (?:.*\\\n)*.*)\n((?:.*\n)*?)```")
SERVER, ADMIN_TOKEN = "http://127.0.0.1:8888", "$(cat .data/admin-token)"
# The headers that matter to a reader.
HEADERS = ("Location", "Link", "ETag", "Idempotency-Replayed", "WWW-Authenticate", "Retry-After")


class Request(NamedTuple):
    """What a curl command sends."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str | None
    # Whether the answer is shown with its headers.
    include: bool


class Answer(NamedTuple):
    """What came, or what a document shows of it."""

    status: int
    # The status line and the headers, if they are shown.
    head: list[str]
    body: Any


@dataclass
class Ledger:
    """A running ledger, and what it says instead of what the documents show."""

    client: FlaskClient
    token: str
    came: dict[str, str] = field(default_factory=dict)

    def translate(self, command: str) -> str:
        """Return a command with what came instead of what was shown."""
        for shown, came in self.came.items():
            command = command.replace(shown, came)
        return command

    def run(self, command: str, shown: Answer) -> Answer:
        """Return what a command answers, and remember where that differs from what is shown."""
        sent = parse(self.translate(command).replace(ADMIN_TOKEN, self.token))
        response = self.client.open(
            sent.path, method=sent.method, headers=sent.headers, data=sent.body
        )
        head = _head(response) if sent.include else []
        answer = Answer(response.status_code, head, cut(response.get_json(silent=True)))
        known, came = _variable(shown), _variable(answer)
        self.came |= {known[name]: came[name] for name in known.keys() & came.keys()}
        return answer


@contextmanager
def ledger() -> Iterator[Ledger]:
    """Run a ledger with the demo history, as `make run` does."""
    with TemporaryDirectory() as folder:
        token = Path(folder) / "admin-token"
        app = create_app(
            {
                "DATA_DIR": Path(folder),
                "ADMIN_TOKEN_FILE": token,
                "PUBLIC_READ": True,
                "LOG_LEVEL": "error",
            }
        )
        app.test_cli_runner().invoke(args=["tokens", "bootstrap", str(token)])
        with app.extensions["database"].write() as connection:
            demo.record(connection, demo.history(now()))
        try:
            yield Ledger(app.test_client(), token.read_text().strip())
        finally:
            app.extensions["database_probe"].close()
            app.extensions["database"].close()


def examples(document: Path) -> list[tuple[str, Answer]]:
    """Return each command of a document with the answer it shows."""
    return [(command, read(shown)) for command, shown in BLOCK.findall(document.read_text())]


def parse(command: str) -> Request:
    """Return what a curl command sends."""
    curl = argparse.ArgumentParser(exit_on_error=False)
    curl.add_argument("-s", action="store_true")
    curl.add_argument("-i", action="store_true")
    curl.add_argument("-X")
    curl.add_argument("-H", action="append", default=[])
    curl.add_argument("-d")
    curl.add_argument("url")
    told = curl.parse_args(shlex.split(command.replace("\\\n", " "))[1:])
    method = told.X or ("GET" if told.d is None else "POST")
    headers = [(name, value) for name, _, value in (each.partition(": ") for each in told.H)]
    return Request(method, told.url.removeprefix(SERVER), headers, told.d, told.i)


def read(shown: str) -> Answer:
    """Return the answer that a document shows; without a status line a problem says its own."""
    head: list[str] = []
    if shown.startswith("HTTP/"):
        top, _, shown = shown.partition("\n\n")
        head = top.strip().splitlines()
    body = json.loads(shown) if shown.strip() else None
    said = body.get("status") if isinstance(body, dict) else None
    status = int(head[0].split()[1]) if head else said if isinstance(said, int) else 200
    return Answer(status, head, body)


def write(answer: Answer, *, fold_it: bool) -> str:
    """Return an answer as a document shows it."""
    lines = list(answer.head)
    if answer.body is not None:
        # An empty line ends the headers.
        lines += [""] * bool(lines)
        lines.append(fold(answer.body) if fold_it else dump(answer.body, (",", ":")))
    return "\n".join(lines)


def rewrite(document: Path, running: Ledger) -> None:
    """Run a document's examples and write what they answer into it."""

    def answered(block: re.Match[str]) -> str:
        command, shown = block.groups()
        answer = running.run(command, read(shown))
        lines = f"$ {running.translate(command)}\n{write(answer, fold_it=document == REFERENCE)}"
        return f"```console\n{lines.rstrip()}\n```"

    document.write_text(BLOCK.sub(answered, document.read_text()))


def _head(response: TestResponse) -> list[str]:
    told = [f"{name}: {response.headers[name]}" for name in HEADERS if name in response.headers]
    return [f"HTTP/1.1 {response.status}", *told]


def _variable(answer: Answer) -> dict[str, str]:
    """Return, by their places, the values that are others each time."""
    found: dict[str, str] = {}

    def look(place: str, value: Any) -> None:
        if isinstance(value, dict | list):
            for name, each in value.items() if isinstance(value, dict) else enumerate(value):
                look(f"{place}/{name}", each)
        elif isinstance(value, str) and re.search(r"(/id|_id|/token|/next_cursor)$", place):
            found[place] = value

    look("", answer.body)
    found |= dict(line.split(": ", 1) for line in answer.head if line.startswith("ETag: "))
    return found


def main() -> None:
    """Write what the examples of all documents answer now."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", required=True, help="change the documents")
    parser.parse_args()
    with ledger() as running:
        for document in (README, REFERENCE):
            rewrite(document, running)


if __name__ == "__main__":
    main()
