"""`flask tokens`, as an operator calls it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient, FlaskCliRunner

from tests.api.conftest import NewApp, bearer


@pytest.fixture
def cli(app: APIFlask) -> FlaskCliRunner:
    return app.test_cli_runner()


def test_a_created_token_is_alone_on_standard_output_and_works(
    cli: FlaskCliRunner, client: FlaskClient
) -> None:
    options = ["--scope", "write", "--scope", "ingest:github", "--expires-in", "90d"]
    result = cli.invoke(args=["tokens", "create", "ci", *options])

    assert result.exit_code == 0
    assert re.fullmatch(r"slw_[0-9a-f]{32}_[\w-]{43}\n", result.stdout)
    assert re.search(r"of ci: ingest:github, write, valid until 2\d{3}-", result.stderr)
    sent = bearer(result.stdout.strip())
    assert client.get("/api/v1/matrix", headers=sent).status_code == 200


def test_tokens_are_listed_without_a_secret_and_revoked_by_id(
    cli: FlaskCliRunner, client: FlaskClient
) -> None:
    token = cli.invoke(args=["tokens", "create", "ci", "--scope", "read"]).stdout.strip()
    header, line = cli.invoke(args=["tokens", "list"]).output.splitlines()
    identifier = line.split()[0]
    revoked = [cli.invoke(args=["tokens", "revoke", identifier]) for _ in range(2)]

    assert header.split() == ["ID", "NAME", "SCOPES", "STATE", "LAST", "USED"]
    assert line.split()[1:] == ["ci", "read", "valid", "never"]
    assert [each.exit_code for each in revoked] == [0, 0]
    assert client.get("/api/v1/matrix", headers=bearer(token)).status_code == 401
    assert " revoked 2" in cli.invoke(args=["tokens", "list"]).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "ci"], "Missing option '--scope'"),
        (["create", "C I", "--scope", "read"], "Invalid value for 'NAME'"),
        (["create", "ci", "--scope", "root"], "Invalid value for '--scope'"),
        (["create", "ci", "--scope", "ingest:argo-cd"], "the sources are argocd, argorollouts,"),
        (["create", "ci", "--scope", "read", "--expires-in", "1y"], "such as 90d"),
        (["create", "ci", "--scope", "read", "--expires-in", "0d"], "such as 90d"),
        (["revoke", "ci"], "is not a valid UUID"),
    ],
)
def test_a_wrong_argument_is_a_usage_error(
    cli: FlaskCliRunner, arguments: list[str], said: str
) -> None:
    result = cli.invoke(args=["tokens", *arguments])

    assert result.exit_code == 2
    assert said in result.output
    assert cli.invoke(args=["tokens", "list"]).output.count("\n") == 1


def test_an_unknown_token_cannot_be_revoked(cli: FlaskCliRunner) -> None:
    result = cli.invoke(args=["tokens", "revoke", "01a204a7-4dff-7616-882b-1c461cd17a99"])

    assert result.exit_code == 1
    assert result.output.startswith("slipway: there is no token 01a204a7-")


def test_a_database_that_is_gone_is_one_clear_line(new_app: NewApp) -> None:
    cli = new_app(DATABASE_HOST="127.0.0.1", DATABASE_PORT=1).test_cli_runner()

    result = cli.invoke(args=["tokens", "list"])

    assert result.exit_code == 1
    assert result.output.startswith("slipway: the tokens cannot be listed: ")
    assert result.output.count("\n") == 1


def test_bootstrap_writes_a_token_that_only_its_owner_reads(
    new_app: NewApp, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "token"
    app = new_app(DATA_DIR=tmp_path, ADMIN_TOKEN_FILE=path)

    first = app.test_cli_runner().invoke(args=["tokens", "bootstrap", str(path)])
    token = path.read_text().strip()
    second = app.test_cli_runner().invoke(args=["tokens", "bootstrap", str(path)])

    assert first.output == f"a new admin token is in {path}\n"
    assert second.output == f"the admin token is in {path}\n"
    assert first.exit_code == second.exit_code == 0
    assert path.read_text().strip() == token
    assert len(token) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sent = bearer(token)
    assert app.test_client().get("/api/v1/tokens", headers=sent).status_code == 200


def test_bootstrap_where_nothing_can_be_written_is_one_clear_line(
    new_app: NewApp, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "token"

    result = (
        new_app(DATA_DIR=tmp_path).test_cli_runner().invoke(args=["tokens", "bootstrap", str(path)])
    )

    assert result.exit_code == 1
    assert result.output.startswith(f"slipway: cannot write {path}: ")
