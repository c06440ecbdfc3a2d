"""Who may do what: closed by default, by method, and open only where it is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from api.database import Database, writing
from api.domain import tokens as domain
from api.domain.kit.times import now
from api.domain.tokens import NewToken
from api.http import auth
from api.tables import tokens
from tests.api.conftest import ADMIN_TOKEN, NewApp, bearer, json_of, problem
from tests.api.test_metrics import samples

MATRIX = "/api/v1/matrix"
DEPLOYMENTS = "/api/v1/deployments"
NEW = {"service": "checkout", "environment": "dev", "version": "1.0"}
MadeToken = Callable[..., str]


@pytest.fixture
def make_token(database: Database) -> MadeToken:
    """Return a function that makes a token with these scopes and returns its text."""

    def make_token(*scopes: str) -> str:
        with database.write() as connection:
            return domain.create(connection, NewToken(name="ci", scopes=list(scopes)))[1]

    return make_token


def id_of(token: str) -> UUID:
    return UUID(token.split("_")[1])


def change(database: Database, token: str, **values: object) -> None:
    with database.write() as connection:
        connection.execute(update(tokens).where(tokens.c.id == id_of(token)).values(values))


def operations(app: APIFlask) -> Iterator[tuple[str, str]]:
    """Yield each method and path of the API, with an id where one belongs."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1"):
            values = {name: str(uuid4()) for name in rule.arguments}
            for method in sorted(rule.methods or ()):
                yield method, app.url_map.bind("").build(rule.endpoint, values)


# A sender asks so whether it may deliver; what it delivers needs a token.
OPEN = {("OPTIONS", "/api/v1/cloudevents")}


def test_every_route_of_the_api_refuses_who_sends_no_token(
    app: APIFlask, anonymous: FlaskClient
) -> None:
    found = list(operations(app))
    assert len(found) >= 10
    for method, path in found:
        response = anonymous.open(path, method=method)
        if (method, path) in OPEN:
            assert response.status_code == 200, f"{method} {path}"
            continue
        assert response.status_code == 401, f"{method} {path}"
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="slipway"'
        if method != "HEAD":
            problem(response, 401)


def test_every_write_refuses_a_token_that_may_only_read(
    app: APIFlask, anonymous: FlaskClient, make_token: MadeToken
) -> None:
    reader = bearer(make_token("read", "ingest:nobody"))
    for method, path in operations(app):
        if method not in auth.SAFE_METHODS and not path.endswith("/dry-run"):
            response = anonymous.open(path, method=method, headers=reader)
            assert response.status_code == 403, f"{method} {path}"
            problem(response, 403)


def test_tokens_are_an_admins_matter(
    app: APIFlask, anonymous: FlaskClient, make_token: MadeToken
) -> None:
    writer = bearer(make_token("read", "write"))
    found = [each for each in operations(app) if each[1].startswith("/api/v1/tokens")]
    assert found
    for method, path in found:
        response = anonymous.open(path, method=method, headers=writer)
        assert response.status_code == 403, f"{method} {path}"


def test_what_is_no_part_of_the_api_is_open(anonymous: FlaskClient) -> None:
    for path in ("/", "/healthz", "/readyz", "/metrics", "/openapi.json"):
        assert anonymous.get(path).status_code == 200
        assert anonymous.get(path, headers=bearer("made-up")).status_code == 200


def test_an_unknown_path_is_not_found_by_anybody(anonymous: FlaskClient) -> None:
    problem(anonymous.get("/api/v1/nothing"), 404)


@pytest.mark.parametrize(
    ("scope", "may_read", "may_write", "may_administer"),
    [
        ("read", True, False, False),
        ("write", True, True, False),
        ("admin", True, True, True),
        ("ingest:github", False, False, False),
    ],
)
def test_a_scope_is_good_for_what_it_says(
    anonymous: FlaskClient,
    make_token: MadeToken,
    scope: str,
    may_read: bool,
    may_write: bool,
    may_administer: bool,
) -> None:
    sent = bearer(make_token(scope))

    assert (anonymous.get(MATRIX, headers=sent).status_code == 200) == may_read
    posted = anonymous.post(DEPLOYMENTS, json=NEW, headers=sent)
    assert (posted.status_code == 201) == may_write
    assert (anonymous.get("/api/v1/tokens", headers=sent).status_code == 200) == may_administer


def test_a_scope_that_lacks_is_named(anonymous: FlaskClient, make_token: MadeToken) -> None:
    response = anonymous.post(DEPLOYMENTS, json=NEW, headers=bearer(make_token("read")))

    assert "the scope write, which the token ci does not have" in str(
        problem(response, 403)["detail"]
    )
    assert response.headers["WWW-Authenticate"] == (
        'Bearer realm="slipway", error="insufficient_scope", scope="write"'
    )


def test_a_route_can_ask_for_a_scope_of_its_own(own_app: APIFlask, make_token: MadeToken) -> None:
    anonymous = FlaskClient(own_app, own_app.response_class)

    @own_app.post("/api/v1/events")
    @auth.require("ingest:github")
    def take() -> str:
        who = auth.caller()
        return who.name if who else ""

    def status(*scopes: str) -> int:
        return anonymous.post("/api/v1/events", headers=bearer(make_token(*scopes))).status_code

    assert [status("ingest:github"), status("read", "ingest:github"), status("admin")] == [200] * 3
    assert [status("ingest:argocd"), status("write")] == [403] * 2
    assert anonymous.post("/api/v1/events").status_code == 401


def test_public_reading_opens_reads_and_nothing_else(
    new_app: NewApp, migrated_database: dict[str, object]
) -> None:
    app = new_app(**migrated_database, PUBLIC_READ=True)
    anonymous = FlaskClient(app, app.response_class)

    assert anonymous.get(MATRIX).status_code == 200
    problem(anonymous.post(DEPLOYMENTS, json=NEW), 401)
    problem(anonymous.get("/api/v1/tokens"), 401)
    problem(anonymous.get(MATRIX, headers=bearer("made-up")), 401)


def secret_changed(token: str) -> str:
    return token[:-1] + ("A" if token[-1] != "A" else "B")


SPOILT: dict[str, tuple[Callable[[str], str], str]] = {
    "made up": (lambda _: "made-up", "malformed"),
    "empty": (lambda _: "", "malformed"),
    "not ASCII": (lambda token: token + "\xe9", "malformed"),
    "another prefix": (lambda token: token.replace("slw_", "xyz_"), "malformed"),
    "another id": (lambda token: token.replace(id_of(token).hex, uuid4().hex), "unknown"),
    "another secret": (secret_changed, "wrong_secret"),
}


@pytest.mark.parametrize(("spoil", "reason"), SPOILT.values(), ids=SPOILT)
def test_what_is_no_token_of_ours_is_refused_without_saying_why(
    anonymous: FlaskClient, make_token: MadeToken, spoil: Callable[[str], str], reason: str
) -> None:
    sent = bearer(spoil(make_token("read")))
    failures = "slipway_auth_failures_total", (reason,)
    before = samples(anonymous).get(failures, 0)
    response = anonymous.get(MATRIX, headers=sent)

    assert problem(response, 401)["detail"] == "The token is not known to this ledger."
    challenge = 'Bearer realm="slipway", error="invalid_token"'
    assert response.headers["WWW-Authenticate"] == challenge
    assert samples(anonymous)[failures] == before + 1


def test_a_revoked_token_is_refused(
    anonymous: FlaskClient, database: Database, make_token: MadeToken
) -> None:
    token = make_token("admin")
    change(database, token, revoked_at=now())

    document = problem(anonymous.get(MATRIX, headers=bearer(token)), 401)
    assert document["detail"] == "The token was revoked."


def test_a_token_is_refused_from_its_expiry_on(
    anonymous: FlaskClient, database: Database, make_token: MadeToken
) -> None:
    token = make_token("read")
    change(database, token, expires_at=now() + timedelta(hours=1))
    assert anonymous.get(MATRIX, headers=bearer(token)).status_code == 200

    change(database, token, expires_at=now())
    document = problem(anonymous.get(MATRIX, headers=bearer(token)), 401)
    assert document["detail"] == "The token has expired."


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Negotiate", ""])
def test_another_scheme_is_no_token(anonymous: FlaskClient, header: str) -> None:
    response = anonymous.get(MATRIX, headers={"Authorization": header})

    problem(response, 401)
    assert "error" not in response.headers["WWW-Authenticate"]


def test_the_scheme_is_known_in_any_case(anonymous: FlaskClient) -> None:
    sent = {"Authorization": f"bearer {ADMIN_TOKEN}"}
    assert anonymous.get(MATRIX, headers=sent).status_code == 200


def test_who_may_not_learns_nothing_of_what_is_there(anonymous: FlaskClient) -> None:
    """Neither a faulty query nor a missing deployment is looked at before the token."""
    problem(anonymous.get(f"{MATRIX}?nope=1"), 401)
    problem(anonymous.get(f"{DEPLOYMENTS}/{uuid4()}"), 401)


def test_the_admin_token_is_read_anew(own_app: APIFlask, tmp_path: Path) -> None:
    anonymous = FlaskClient(own_app, own_app.response_class)

    def status(token: str) -> int:
        return anonymous.get("/api/v1/tokens", headers=bearer(token)).status_code

    assert status(ADMIN_TOKEN) == 200
    (tmp_path / "admin-token").write_text("b" * 32)
    assert (status("b" * 32), status(ADMIN_TOKEN)) == (200, 401)
    (tmp_path / "admin-token").write_text("short")
    assert (status("short"), status("b" * 32)) == (401, 401)
    (tmp_path / "admin-token").unlink()
    assert (status(""), status("short")) == (401, 401)


def test_the_admin_token_needs_no_database(new_app: NewApp) -> None:
    client = new_app(DATABASE_HOST="127.0.0.1", DATABASE_PORT=1).test_client()

    problem(client.post(DEPLOYMENTS, json={}), 422)


def test_a_token_cannot_be_checked_without_a_database(new_app: NewApp) -> None:
    client = new_app(DATABASE_HOST="127.0.0.1", DATABASE_PORT=1).test_client()

    sent = bearer(f"slw_{uuid4().hex}_{'a' * 43}")
    problem(client.get(MATRIX, headers=sent), 503)


def last_use(database: Database, token: str) -> object:
    with database.read() as connection:
        return connection.scalar(select(tokens.c.last_used_at).where(tokens.c.id == id_of(token)))


def test_the_last_use_is_noted_at_most_once_a_minute(
    app: APIFlask, anonymous: FlaskClient, database: Database, make_token: MadeToken
) -> None:
    token = make_token("read")
    assert last_use(database, token) is None
    anonymous.get(MATRIX, headers=bearer(token))
    first = last_use(database, token)
    assert first is not None

    anonymous.get(MATRIX, headers=bearer(token))
    app.extensions["auth"].last_stored.clear()  # as another process would have it
    anonymous.get(MATRIX, headers=bearer(token))
    assert last_use(database, token) == first

    earlier = now() - timedelta(seconds=61)
    change(database, token, last_used_at=earlier)
    app.extensions["auth"].last_stored[str(id_of(token))] = earlier
    anonymous.get(MATRIX, headers=bearer(token))
    assert last_use(database, token) >= first  # type: ignore[operator]


def test_a_read_neither_fails_nor_waits_because_its_token_cannot_be_noted(
    anonymous: FlaskClient, database: Database, make_token: MadeToken
) -> None:
    token = make_token("read")
    # SQLite's only writer, PostgreSQL's row lock; the request would join a `write()`.
    with database.engine.connect() as connection, writing(connection):
        connection.execute(update(tokens).values(name="busy"))
        started = now()
        assert anonymous.get(MATRIX, headers=bearer(token)).status_code == 200
        assert now() - started < timedelta(seconds=2)

    assert last_use(database, token) is None


def test_a_read_only_database_is_read(
    new_app: NewApp, migrated_database: dict[str, object], make_token: MadeToken, app: APIFlask
) -> None:
    """As a PostgreSQL that is a replica, or a SQLite file on a medium without space."""
    token = make_token("read")
    database: Database = app.extensions["database"]
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(
                "CREATE TRIGGER full BEFORE UPDATE ON tokens BEGIN SELECT RAISE(FAIL, 'full'); END"
            )
        else:
            name = database.settings.DATABASE_NAME
            connection.exec_driver_sql(
                f"ALTER DATABASE {name} SET default_transaction_read_only = on"
            )
        connection.commit()

    again = new_app(**migrated_database)
    assert again.test_client().get(MATRIX, headers=bearer(token)).status_code == 200
    assert last_use(database, token) is None


def test_the_logs_name_who_asked_and_never_the_token(
    new_app: NewApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = new_app(DATA_DIR=tmp_path, LOG_FORMAT="json").test_client()
    made = json_of(client.post("/api/v1/tokens", json={"name": "ci", "scopes": ["read"]}))
    capsys.readouterr()

    client.get(MATRIX, headers=bearer(made["token"]))
    client.post(DEPLOYMENTS, headers=bearer(made["token"]))
    client.get(MATRIX, headers=bearer(secret_changed(made["token"])))
    client.get(MATRIX, headers={"Authorization": ""})
    client.get(MATRIX)
    text = capsys.readouterr().out

    lines = [json.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line.get("token_name") for line in requests] == ["ci", "ci", None, None, "bootstrap"]
    assert requests[0]["token_id"] == made["id"]
    refusals = [line for line in lines if line["event"] == "access refused"]
    assert [(line["reason"], line.get("token_id")) for line in refusals] == [
        ("insufficient_scope", made["id"]),
        ("wrong_secret", made["id"]),
        ("missing", None),
    ]
    assert {line["remote_addr"] for line in refusals} == {"127.0.0.1"}
    assert made["token"][-43:-1] not in text
    assert ADMIN_TOKEN not in text
