"""A database that cannot serve: 503, a reason that `/readyz` tells, and no restart needed."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from psycopg import errors
from sqlalchemy import Connection, text

from api.app import create_app
from api.database import ATTEMPTS, RETRIED, Database
from api.engine import open_engine
from api.outages import Outage, UnavailableError, outage_of
from api.settings import load
from tests.api.conftest import NewApp, json_of, problem
from tests.api.events.payloads import GITHUB, event_of, github
from tests.postgresql import Lender, Server

DEPLOYMENT = {"service": "checkout", "environment": "dev", "version": "1.0"}
URL = "/api/v1/deployments"


@pytest.mark.parametrize(
    ("kind", "outage"),
    [
        (psycopg.OperationalError, Outage.SILENT),  # by the driver, without a code
        (psycopg.InterfaceError, Outage.SILENT),
        (errors.ConnectionFailure, Outage.SILENT),
        (errors.QueryCanceled, Outage.SILENT),
        (errors.AdminShutdown, Outage.SILENT),
        (errors.CrashShutdown, Outage.SILENT),
        (errors.CannotConnectNow, Outage.SILENT),
        (errors.IdleInTransactionSessionTimeout, Outage.SILENT),
        (errors.SerializationFailure, Outage.CONFLICT),
        (errors.DeadlockDetected, Outage.CONFLICT),
        (errors.ReadOnlySqlTransaction, Outage.READ_ONLY),
        (errors.DiskFull, Outage.FULL),
        (errors.TooManyConnections, Outage.OVERLOADED),
        (errors.OutOfMemory, Outage.OVERLOADED),
        (errors.LockNotAvailable, Outage.OVERLOADED),
        (errors.InvalidPassword, Outage.UNUSABLE),
        (errors.InvalidCatalogName, Outage.UNUSABLE),
        (errors.InsufficientPrivilege, Outage.UNUSABLE),
        (errors.IoError, Outage.UNUSABLE),
        (errors.DataCorrupted, Outage.UNUSABLE),
        (errors.UndefinedTable, Outage.NO_SCHEMA),
        (errors.UndefinedColumn, Outage.NO_SCHEMA),
        (errors.InFailedSqlTransaction, None),
        (errors.SyntaxError, None),
        (errors.UniqueViolation, None),
        (errors.ForeignKeyViolation, Outage.CONFLICT),
        (errors.StatementTooComplex, None),
        (errors.FeatureNotSupported, None),
        (errors.NumericValueOutOfRange, None),
        (psycopg.DataError, None),
        (RuntimeError, None),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else str(each),
)
def test_an_outage_of_postgresql_is_told_from_a_bug(
    kind: type[Exception], outage: Outage | None
) -> None:
    assert outage_of(kind()) == outage


@pytest.mark.parametrize(
    ("code", "message", "outage"),
    [
        ("SQLITE_BUSY", "", Outage.OVERLOADED),
        ("SQLITE_BUSY_SNAPSHOT", "", Outage.OVERLOADED),
        ("SQLITE_READONLY_DBMOVED", "", Outage.READ_ONLY),
        ("SQLITE_FULL", "", Outage.FULL),
        ("SQLITE_IOERR_WRITE", "", Outage.UNUSABLE),
        ("SQLITE_CORRUPT", "", Outage.UNUSABLE),
        ("SQLITE_CANTOPEN", "", Outage.UNUSABLE),
        ("SQLITE_NOTADB", "", Outage.UNUSABLE),
        ("SQLITE_ERROR", "no such table: x", Outage.NO_SCHEMA),
        ("SQLITE_ERROR", 'near "x": syntax error', None),
        ("SQLITE_CONSTRAINT_UNIQUE", "", None),
    ],
)
def test_an_outage_of_sqlite_is_told_from_a_bug(
    code: str, message: str, outage: Outage | None
) -> None:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = getattr(sqlite3, code)

    assert outage_of(error) == outage


@pytest.mark.parametrize("outage", Outage)
def test_each_outage_is_answered_with_503_and_its_words_only(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, outage: Outage
) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError(outage, "db.internal, user slipway")

    monkeypatch.setattr("api.domain.recording.report_deployments", fail)
    monkeypatch.setattr("api.database.BACKOFF_S", 0)
    response = sqlite_client.post(URL, json=DEPLOYMENT)

    document = problem(response, 503)
    assert document["detail"] == f"{outage.capitalize()}; try again in a few seconds."
    assert response.headers["Retry-After"] == "5"
    assert "internal" not in response.text


@pytest.mark.parametrize("outage", RETRIED)
@pytest.mark.parametrize(("failures", "calls"), [(ATTEMPTS - 1, ATTEMPTS), (ATTEMPTS, ATTEMPTS)])
def test_a_conflict_is_retried_a_few_times(
    sqlite_client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
    calls: int,
    outage: Outage,
) -> None:
    database: Database = sqlite_client.application.extensions["database"]
    made: list[int] = []

    def use_case() -> str:
        made.append(1)
        if len(made) <= failures:
            raise UnavailableError(outage, "rolled back")
        return "done"

    monkeypatch.setattr("api.database.BACKOFF_S", 0)
    if failures < ATTEMPTS:
        assert database.retrying(use_case) == "done"
    else:
        with pytest.raises(UnavailableError):
            database.retrying(use_case)

    assert len(made) == calls


def test_what_may_have_been_stored_is_not_retried(sqlite_client: FlaskClient) -> None:
    database: Database = sqlite_client.application.extensions["database"]
    made: list[int] = []

    def use_case() -> None:
        made.append(1)
        raise UnavailableError(Outage.SILENT, "the connection was lost")

    with pytest.raises(UnavailableError):
        database.retrying(use_case)
    assert made == [1]


@pytest.fixture
def postgresql(postgresql_lender: Lender) -> Iterator[dict[str, object]]:
    """Return the settings of a migrated database of PostgreSQL."""
    with postgresql_lender.lend() as made:
        yield made


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "a"}], ids=["plain", "once"])
def test_a_database_that_becomes_read_only_is_told_and_writable_again_without_a_restart(
    new_app: NewApp, postgresql_server: Server, postgresql: dict[str, Any], key: dict[str, str]
) -> None:
    """As a standby does: it is written into the sessions, so that only new ones can write again."""
    client = new_app(**postgresql, PUBLIC_READ=True).test_client()
    name = postgresql["DATABASE_NAME"]
    with postgresql_server.connect() as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        assert client.get("/readyz").status_code == 503
        document = problem(client.post(URL, json=DEPLOYMENT, headers=key), 503)
        assert document["detail"] == ("The database accepts no writes; try again in a few seconds.")
        body = github("success", 3)
        headers = {"X-GitHub-Event": event_of(body), **key}
        problem(client.post(GITHUB, json=body, headers=headers), 503)
        assert json_of(client.get(URL))["items"] == []
        not_ready = client.get("/readyz")
        assert "accepts no writes" in str(problem(not_ready, 503)["detail"])
        assert not_ready.headers["Retry-After"] == "5"
        connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    assert client.get("/readyz").status_code == 200
    assert client.post(URL, json=DEPLOYMENT, headers=key).status_code == 201


def test_a_pooled_connection_that_can_no_longer_write_is_replaced(
    new_app: NewApp, postgresql: dict[str, Any]
) -> None:
    """One refused write is enough, and nobody asked `/readyz`."""
    app = new_app(**postgresql, THREADS=1)
    client, database = app.test_client(), app.extensions["database"]
    with database.read() as connection:
        raw = connection.connection.driver_connection
        raw.execute("SET default_transaction_read_only = on")
        raw.commit()

    problem(client.post(URL, json=DEPLOYMENT), 503)
    assert client.post(URL, json=DEPLOYMENT).status_code == 201


def test_rows_are_brought_up_to_date_in_one_snapshot_after_an_outage_too(
    new_app: NewApp, postgresql: dict[str, Any]
) -> None:
    levels = []

    def refresh(connection: Connection) -> None:
        levels.append(connection.execute(text("SHOW transaction_isolation")).scalar())
        if len(levels) == 1:
            connection.invalidate()
            raise UnavailableError(Outage.MIGRATED, "a statement was prepared before it")

    database: Database = new_app(**postgresql).extensions["database"]
    with database.up_to_date(lambda _: True, refresh):
        pass

    assert levels == ["repeatable read"] * 2


def test_metrics_of_what_cannot_be_computed_are_refused_with_the_reason(
    new_app: NewApp, postgresql_server: Server, postgresql: dict[str, Any]
) -> None:
    app, name = new_app(**postgresql), postgresql["DATABASE_NAME"]
    client, database = app.test_client(), app.extensions["database"]
    metrics = f"/api/v1/metrics/dora?environment={DEPLOYMENT['environment']}"
    client.post(URL, json=DEPLOYMENT)
    with postgresql_server.connect() as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        database.renew()
        refused = client.get(metrics)
        connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        assert "accepts no writes to compute it anew" in str(problem(refused, 503)["detail"])
        assert client.get(metrics).status_code == 200
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        database.renew()
        assert client.get(metrics).status_code == 200  # nothing has to be computed


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_migration_beside_a_running_ledger_is_not_noticed(
    new_app: NewApp, postgresql: dict[str, Any], method: str
) -> None:
    """As in a rolling upgrade: the pod of before has prepared its statements."""
    client = new_app(**postgresql, THREADS=1).test_client()

    def send(method: str) -> int:
        body: dict[str, str] | None = {} if method == "PUT" else None
        return client.open("/api/v1/services/checkout", method=method, json=body).status_code

    assert send("PUT") == 201
    for _ in range(10):
        assert send(method) == 200
    with psycopg.connect(
        host=postgresql["DATABASE_HOST"], user="slipway", dbname=postgresql["DATABASE_NAME"]
    ) as connection:
        connection.execute("ALTER TABLE services ALTER owner TYPE text, ALTER name TYPE text")

    assert send(method) == 200


def test_a_user_without_the_right_to_write_is_not_ready(
    new_app: NewApp, postgresql_server: Server, postgresql: dict[str, Any]
) -> None:
    client = new_app(**{**postgresql, "DATABASE_USER": "reader"}).test_client()
    with postgresql_server.connect(str(postgresql["DATABASE_NAME"])) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        try:
            written = client.post(URL, json=DEPLOYMENT)
            ready = client.get("/readyz")
        finally:
            connection.execute("DROP OWNED BY reader; DROP ROLE reader")

    assert "cannot be used" in str(problem(written, 503)["detail"])
    assert "its user lacks the right" in str(problem(ready, 503)["detail"])


@pytest.fixture
def limited(
    new_app: NewApp, postgresql: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> APIFlask:
    """Return an application of which PostgreSQL cancels a statement soon."""
    monkeypatch.setattr("api.engine.STATEMENT_TIMEOUT_MS", 250)
    return new_app(**postgresql)


def test_a_statement_that_waits_too_long_is_given_up(
    limited: APIFlask, postgresql_server: Server, postgresql: dict[str, Any]
) -> None:
    client = limited.test_client()
    name = str(postgresql["DATABASE_NAME"])
    with postgresql_server.connect(name) as connection, connection.transaction():
        connection.execute("LOCK TABLE deployments")
        response = client.post(URL, json=DEPLOYMENT)

    assert "did not answer" in str(problem(response, 503)["detail"])
    assert client.post(URL, json=DEPLOYMENT).status_code == 201


def slow_down(server: Server, place: dict[str, Any], change: str) -> None:
    """Let each statement that makes a change, such as DELETE ON deployments, take longer."""
    with server.connect(str(place["DATABASE_NAME"])) as connection:
        connection.execute("""
            CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$
        """)
        connection.execute(f"CREATE TRIGGER slowly AFTER {change} EXECUTE FUNCTION slowly()")


@pytest.mark.parametrize("table", ["deployments", "declarations"])
def test_what_is_deleted_may_be_much(
    limited: APIFlask, postgresql_server: Server, postgresql: dict[str, Any], table: str
) -> None:
    client = limited.test_client()
    for environment in ("staging", "prod"):
        assert client.post(URL, json=DEPLOYMENT | {"environment": environment}).status_code == 201
    slow_down(postgresql_server, postgresql, f"DELETE ON {table}")

    assert client.delete("/api/v1/environments/prod").status_code == 204
    assert client.delete("/api/v1/services/checkout").status_code == 204
    assert json_of(client.get(URL)) == {"items": [], "next_cursor": None}


def test_all_that_is_kept_for_the_metrics_is_computed_anew_however_long_it_takes(
    limited: APIFlask, postgresql_server: Server, postgresql: dict[str, Any]
) -> None:
    slow_down(postgresql_server, postgresql, "UPDATE ON versions")

    done = limited.test_cli_runner().invoke(args=["ledger", "recompute"])

    assert done.exit_code == 0, done.output


def test_a_restart_of_the_database_is_survived(
    new_app: NewApp, postgresql_server: Server, postgresql: dict[str, Any]
) -> None:
    client = new_app(**postgresql).test_client()
    assert client.post(URL, json=DEPLOYMENT).status_code == 201
    postgresql_server.stop()
    try:
        response = client.post(URL, json=DEPLOYMENT)
        problem(client.get("/readyz"), 503)
    finally:
        postgresql_server.resume()

    assert "did not answer" in str(problem(response, 503)["detail"])
    assert client.post(URL, json=DEPLOYMENT).status_code == 201
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_connection_that_the_server_has_closed_is_replaced(
    new_app: NewApp, postgresql_server: Server, postgresql: dict[str, Any], method: str
) -> None:
    app = new_app(**postgresql, THREADS=2)
    client, database = app.test_client(), app.extensions["database"]
    with database.read(), database.read():
        pass  # so that the pool has two
    with postgresql_server.connect() as connection:
        (ended,) = connection.execute(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'slipway'",
            [postgresql["DATABASE_NAME"]],
        ).fetchall()

    assert ended[0] >= 2  # beside those of an application that is kept
    body = DEPLOYMENT if method == "POST" else None
    for _ in range(2):
        assert client.open(URL, method=method, json=body).status_code < 300


def test_of_several_hosts_the_one_that_takes_writes_is_used(
    new_app: NewApp, postgresql: dict[str, Any], tmp_path: Path
) -> None:
    hosts = f"{tmp_path},{postgresql['DATABASE_HOST']}"
    client = new_app(**{**postgresql, "DATABASE_HOST": hosts}).test_client()

    assert client.post(URL, json=DEPLOYMENT).status_code == 201


def test_of_several_hosts_none_that_takes_writes_is_not_ready(
    new_app: NewApp, postgresql_server: Server, postgresql: dict[str, Any]
) -> None:
    with postgresql_server.connect() as connection:
        name = postgresql["DATABASE_NAME"]
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    hosts = ",".join([str(postgresql["DATABASE_HOST"])] * 2)
    client = new_app(**{**postgresql, "DATABASE_HOST": hosts}).test_client()

    assert "read-only" in str(problem(client.get("/readyz"), 503)["detail"])


@pytest.mark.parametrize(
    "fault", [Path.unlink, lambda path: path.write_bytes(b"\xff")], ids=["gone", "binary"]
)
def test_a_password_file_that_cannot_be_read_any_more_is_an_outage(
    new_app: NewApp, postgresql: dict[str, Any], tmp_path: Path, fault: Callable[[Path], object]
) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2")
    client = new_app(**postgresql, DATABASE_PASSWORD_FILE=file).test_client()
    fault(file)
    problem(client.post(URL, json=DEPLOYMENT), 503)
    assert "SLIPWAY_DATABASE_PASSWORD_FILE" in str(problem(client.get("/readyz"), 503)["detail"])
    file.write_text("hunter2")

    assert client.post(URL, json=DEPLOYMENT).status_code == 201
    assert client.get("/readyz").status_code == 200


def no_folder(folder: Path) -> None:
    folder.write_text("")


def no_database(folder: Path) -> None:
    folder.mkdir()
    (folder / "slipway.db").write_bytes(b"this is no database, but a text" * 100)


def a_folder_for_a_file(folder: Path) -> None:
    (folder / "slipway.db").mkdir(parents=True)


@pytest.mark.parametrize("break_it", [no_folder, no_database, a_folder_for_a_file])
def test_an_embedded_ledger_that_cannot_be_opened_is_an_outage(
    tmp_path: Path, break_it: Callable[[Path], None]
) -> None:
    folder = tmp_path / "data"
    break_it(folder)
    app = create_app({"DATA_DIR": folder, "PUBLIC_READ": True})
    response = app.test_client().get(URL)

    assert response.headers["Retry-After"] == "5"
    assert "cannot be used" in str(problem(response, 503)["detail"])
    assert "cannot be used" in str(problem(app.test_client().get("/readyz"), 503)["detail"])
    result = app.test_cli_runner().invoke(args=["tokens", "list"])
    assert result.exit_code == 1
    assert result.output.startswith("slipway: the tokens cannot be listed: the database cannot")
    assert result.output.count("\n") == 1


COMMANDS = [
    "ledger migrate",
    "ledger demo",
    "ledger rebuild",
    "ledger export",
    "tokens create ci --scope read",
    "tokens list",
    "tokens revoke 01a2063f-66af-738f-a00c-f46db3662472",
    "notifications deliver --once",
]


def test_a_new_embedded_ledger_waits_for_others_that_open_it(tmp_path: Path) -> None:
    settings = load({"DATA_DIR": tmp_path})
    other = sqlite3.connect(settings.database_file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = Timer(0.2, other.rollback)
    end.start()
    engine = open_engine(settings)
    try:
        with engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    finally:
        end.join()
        other.close()
        engine.dispose()

    assert mode == "wal"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_without_a_database_fails_with_one_line(new_app: NewApp, command: str) -> None:
    cli = new_app(DATABASE_HOST="127.0.0.1", DATABASE_PORT=1).test_cli_runner()
    result = cli.invoke(args=command.split())

    assert result.exit_code == 1
    assert result.output.startswith("slipway: ")
    assert "the database did not answer: connection failed" in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["tokens create ci --scope read", "notifications deliver --once"]
)
def test_a_command_that_writes_says_that_the_database_is_read_only(
    new_app: NewApp, postgresql_server: Server, postgresql: dict[str, Any], command: str
) -> None:
    with postgresql_server.connect() as connection:
        name = postgresql["DATABASE_NAME"]
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    result = new_app(**postgresql).test_cli_runner().invoke(args=command.split())

    assert result.exit_code == 1
    assert "the database accepts no writes" in result.output
    assert result.output.count("\n") == 1


def test_an_export_to_a_full_disk_fails_with_one_line(sqlite_client: FlaskClient) -> None:
    cli = sqlite_client.application.test_cli_runner()
    result = cli.invoke(args=["ledger", "export", "/dev/full"])

    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    assert "No space left on device" in result.output


def test_a_port_in_use_is_one_line(sqlite_client: FlaskClient) -> None:
    cli = sqlite_client.application.test_cli_runner()
    with socket.create_server(("", 0)) as server:
        port = str(server.getsockname()[1])
        result = cli.invoke(args=["notifications", "deliver", "--once", "--metrics-port", port])

    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    assert "the metrics cannot be served" in result.output
