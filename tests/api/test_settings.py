"""The settings: what a wrong one says, and that each is told of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api import settings
from api.settings import Settings, SettingsError

ROOT = Path(__file__).parents[2]


def faults(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        settings.load(overrides)
    return str(caught.value)


def test_nothing_set_means_an_embedded_database() -> None:
    loaded = settings.load()

    assert loaded.embedded
    assert str(loaded.database_url()) == "sqlite:///.data/slipway.db"


def test_a_host_means_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_DATABASE_HOST", "db.example.com")
    # Text that looks like a number stays text.
    monkeypatch.setenv("SLIPWAY_DATABASE_NAME", "1e3")
    loaded = settings.load()

    assert not loaded.embedded
    assert loaded.database_url().render_as_string() == (
        "postgresql+psycopg://slipway@db.example.com:5432/1e3?sslmode=prefer"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"THREADS": "many"}, "SLIPWAY_THREADS: Input should be a valid integer"),
        ({"THREADS": "0"}, "SLIPWAY_THREADS: Input should be greater than or equal to 1"),
        ({"LOG_LEVEL": "loud"}, "SLIPWAY_LOG_LEVEL: Input should be 'debug', 'info'"),
        ({"DATABASE_HOST": ""}, "SLIPWAY_DATABASE_HOST: String should have at least 1"),
        ({"DATABASE_USER": "x"}, "SLIPWAY_DATABASE_HOST is missing: SLIPWAY_DATABASE_USER is set"),
        ({"THREDS": "8"}, "SLIPWAY_THREDS is not a setting; did you mean SLIPWAY_THREADS?"),
        ({"COLOUR": "blue"}, "SLIPWAY_COLOUR is not a setting"),
        (
            {"DATABASE_HOST": "db", "DATABASE_PASSWORD": "a", "DATABASE_PASSWORD_FILE": "b"},
            "SLIPWAY_DATABASE_PASSWORD and SLIPWAY_DATABASE_PASSWORD_FILE are both set",
        ),
        (
            {"DATABASE_HOST": "db", "DATABASE_PASSWORD_FILE": "/nowhere"},
            "SLIPWAY_DATABASE_PASSWORD_FILE /nowhere cannot be read: No such file or directory",
        ),
        ({"ADMIN_TOKEN_FILE": "/"}, "SLIPWAY_ADMIN_TOKEN_FILE / cannot be read: Is a directory"),
        ({"PUBLIC_READ": "perhaps"}, "SLIPWAY_PUBLIC_READ: Input should be a valid boolean"),
        ({"RATE_LIMIT": "often"}, "SLIPWAY_RATE_LIMIT: must be a rate such as 60 per minute"),
        ({"TRUSTED_PROXIES": "-1"}, "SLIPWAY_TRUSTED_PROXIES: Input should be greater than or"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(given: dict[str, object], said: str) -> None:
    message = faults(**given)

    assert message.startswith(f"slipway: {said}")
    assert "\n" not in message


def test_every_wrong_setting_is_named() -> None:
    assert faults(THREADS="many", LOG_LEVEL="loud", COLOUR="blue").count("\n") == 2


def test_a_secret_is_never_repeated() -> None:
    message = faults(DATABASE_HOST="db", DATABASE_PASSWORD=["hunter2"])

    assert "hunter2" not in message
    assert "hunter2" not in repr(
        settings.load({"DATABASE_HOST": "d", "DATABASE_PASSWORD": "hunter2"})
    )


def test_a_password_file_is_read_anew(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("old\n")
    loaded = settings.load({"DATABASE_HOST": "db", "DATABASE_PASSWORD_FILE": str(secret)})
    assert loaded.database_password() == "old"

    secret.write_text("new\n")
    assert loaded.database_password() == "new"


def test_an_admin_token_is_read_anew_and_may_be_missing(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    loaded = settings.load({"ADMIN_TOKEN_FILE": secret})
    assert loaded.admin_token() is None

    secret.write_text("a" * 32 + "\n")
    assert loaded.admin_token() == "a" * 32


def test_an_admin_token_that_is_too_short_is_refused_and_not_repeated(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("hunter2" + " " * 32)

    message = faults(ADMIN_TOKEN_FILE=secret)

    assert message == f"slipway: SLIPWAY_ADMIN_TOKEN_FILE {secret} has fewer than 32 characters"


def test_the_variables_kubernetes_adds_for_a_service_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "SLIPWAY_PORT": "tcp://10.0.0.1:80",
        "SLIPWAY_PORT_80_TCP_ADDR": "10.0.0.1",
        "SLIPWAY_SERVICE_HOST": "10.0.0.1",
        "SLIPWAY_SERVICE_PORT_HTTP": "80",
    }.items():
        monkeypatch.setenv(name, value)

    assert settings.load() == Settings()


def test_the_example_lists_every_setting_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text()
    listed = dict(re.findall(r"^# SLIPWAY_(\w+)=(.*)$", text, re.MULTILINE))

    assert listed == {
        name: "" if field.default is None else str(field.default).replace("False", "false")
        for name, field in Settings.model_fields.items()
    }
