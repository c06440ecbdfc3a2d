"""Structured logs: one JSON object a line, with the id of the request."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import structlog
from flask.testing import FlaskClient

from api.app import create_app
from api.logs import log_start
from api.version import VERSION


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def logged_client(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> FlaskClient:
    """Return a client of an application that logs to where capsys reads."""
    settings = {"DATA_DIR": tmp_path, "LOG_FORMAT": "json", "PUBLIC_READ": True}
    client = create_app(settings).test_client()
    capsys.readouterr()
    return client


def test_each_request_is_one_line(
    logged_client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    response = logged_client.get("/api/v1/deployments?limit=1", headers={"X-Request-ID": "abc-1"})

    (line,) = lines_of(capsys)
    assert response.headers["X-Request-ID"] == "abc-1"
    assert line["event"] == "request"
    assert line["level"] == "info"
    assert line["request_id"] == "abc-1"
    assert line["method"] == "GET"
    assert line["path"] == line["route"] == "/api/v1/deployments"
    assert line["status"] == 200
    assert line["remote_addr"] == "127.0.0.1"
    assert isinstance(line["duration_ms"], float)
    assert str(line["timestamp"]).endswith("Z")


@pytest.mark.parametrize("given", [None, "", "two words", "a" * 129, 'quote"', "ümlaut"])
def test_a_request_without_a_usable_id_is_given_one(
    logged_client: FlaskClient, capsys: pytest.CaptureFixture[str], given: str | None
) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    response = logged_client.get("/", headers=headers)

    (line,) = lines_of(capsys)
    assert line["request_id"] == response.headers["X-Request-ID"] != given
    assert len(response.headers["X-Request-ID"]) == 36


def test_a_line_cannot_be_forged(
    logged_client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    logged_client.get('/%0a{"event":"forged"}')

    (line,) = lines_of(capsys)
    assert line["event"] == "request"


def test_probes_that_succeed_are_not_worth_a_line(
    logged_client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert logged_client.get(path).status_code == 200

    assert lines_of(capsys) == []


def test_a_probe_that_fails_is(capsys: pytest.CaptureFixture[str]) -> None:
    app = create_app({"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": 1})
    app.test_client().get("/readyz")

    assert [line["status"] for line in lines_of(capsys)] == [503]


def test_a_fault_is_logged_with_its_traceback_and_no_variables(
    logged_client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    app = logged_client.application
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/broken")
    def broken() -> str:
        password = "hunter2"  # noqa: F841
        raise RuntimeError("out of order")

    logged_client.get("/broken")

    fault, access = lines_of(capsys)
    assert fault["level"] == "error"
    assert "out of order" in json.dumps(fault["exception"])
    assert "hunter2" not in json.dumps(fault)
    assert fault["request_id"] == access["request_id"]


def test_what_one_request_noted_is_not_on_the_next(
    logged_client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    @logged_client.application.get("/noting")
    def noting() -> str:
        structlog.contextvars.bind_contextvars(customer="first")
        return "noted"

    logged_client.get("/noting")
    logged_client.get("/")

    first, second = lines_of(capsys)
    assert first["customer"] == "first"
    assert "customer" not in second


def test_debug_shows_the_probes_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_app({"DATA_DIR": tmp_path, "LOG_LEVEL": "debug"}).test_client().get("/healthz")

    assert "/healthz" in [line.get("path") for line in lines_of(capsys)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"DATA_DIR": Path("/data"), "PUBLIC_READ": True},
            {"database": "embedded", "file": "/data/slipway.db", "readers": "anybody"},
        ),
        (
            {"DATABASE_HOST": "db.example.com", "DATABASE_NAME": "shop"},
            {
                "database": "postgresql",
                "host": "db.example.com:5432",
                "name": "shop",
                "readers": "callers with a token",
            },
        ),
    ],
    ids=["embedded", "postgresql"],
)
def test_the_start_tells_what_is_served_and_no_password(
    capsys: pytest.CaptureFixture[str], given: dict[str, object], told: dict[str, str]
) -> None:
    password = {"DATABASE_PASSWORD": "hunter2"} if "DATABASE_HOST" in given else {}
    app = create_app({**given, **password, "LOG_FORMAT": "json"})
    log_start(app.extensions["settings"])

    out = capsys.readouterr().out
    line = json.loads(out)
    assert line.items() >= {"event": "serving", "version": VERSION, **told}.items()
    assert line["event_rules"] == "default"
    assert "hunter2" not in out


def test_a_line_that_cannot_be_written_fails_no_request(
    logged_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "closed").open("w") as closed:
        pass
    monkeypatch.setattr("sys.stdout", closed)

    assert logged_client.get("/").status_code == 200


def test_a_line_is_written_in_one_piece_also_where_output_is_not_buffered(
    logged_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the lines of two threads could get mixed up."""
    pieces: list[str] = []

    class Unbuffered(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    monkeypatch.setattr("sys.stdout", Unbuffered())
    logged_client.get("/api/v1/deployments")
    structlog.get_logger("api.test").warning("as others do")

    assert [piece.count("\n") for piece in pieces] == [1, 1]
    assert all(piece.endswith("}\n") for piece in pieces)
