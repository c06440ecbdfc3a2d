"""The service's settings: read from `SLIPWAY_*` variables and checked once, at start."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from flask import Config
from limits import parse_many
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from sqlalchemy import URL

PREFIX = "SLIPWAY_"

# Kubernetes adds variables for every Service of a namespace; one named `slipway` collides with our
# prefix. Our manifests turn that off, other people's may not.
SERVICE_LINK = re.compile(r"SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_\w+)?")

# A secret that signs webhooks, in a file with one a line: two are valid while one replaces another.
WEBHOOK_SECRET_LENGTH = 16
WEBHOOK_SECRETS = re.compile(r"WEBHOOK_([A-Z]+)_SECRET_FILE")
# A shorter one might be a word that somebody thought of.
ADMIN_TOKEN_LENGTH = 32


def _check_rate(text: str) -> str:
    try:
        parse_many(text)
    except ValueError as error:
        raise ValueError("must be a rate such as 60 per minute") from error
    return text


Rate = Annotated[str, AfterValidator(_check_rate)]


class SettingsError(SystemExit):
    """Stop the process with status 1 and one line for each setting that is wrong.

    It is a `SystemExit` so that Gunicorn, Flask's command line and Alembic, which all import the
    application, end with these lines instead of a traceback.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(f"slipway: {fault}" for fault in faults))


class Settings(BaseModel):
    """Every setting, by its variable's name without the `SLIPWAY_` prefix.

    Without `DATABASE_HOST` the ledger lives in an embedded SQLite file under `DATA_DIR`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    DATA_DIR: Path = Path(".data")
    DATABASE_HOST: Annotated[str, Field(min_length=1)] | None = None
    DATABASE_PORT: Annotated[int, Field(ge=1, le=65535)] = 5432
    DATABASE_NAME: Annotated[str, Field(min_length=1)] = "slipway"
    DATABASE_USER: Annotated[str, Field(min_length=1)] = "slipway"
    DATABASE_PASSWORD: str | None = Field(default=None, repr=False)
    DATABASE_PASSWORD_FILE: Path | None = None
    DATABASE_SSLMODE: Literal[
        "disable", "allow", "prefer", "require", "verify-ca", "verify-full"
    ] = "prefer"
    ADMIN_TOKEN_FILE: Path | None = None
    WEBHOOK_FLUX_SECRET_FILE: Path | None = None
    WEBHOOK_GITHUB_SECRET_FILE: Path | None = None
    EVENT_RULES_FILE: Path | None = None
    NOTIFICATION_PRIVATE_HOSTS: str = ""
    PUBLIC_READ: bool = False
    RATE_LIMIT: Rate = "12000 per minute"
    AUTH_FAILURE_LIMIT: Rate = "60 per minute"
    TRUSTED_PROXIES: Annotated[int, Field(ge=0, le=16)] = 0
    LOG_LEVEL: Literal["debug", "info", "warning", "error"] = "info"
    LOG_FORMAT: Literal["auto", "json", "console"] = "auto"
    THREADS: Annotated[int, Field(ge=1, le=64)] = 8

    @model_validator(mode="after")
    def database_settings_agree(self) -> Self:
        """Refuse settings that contradict each other or would silently be ignored."""
        named = {name for name in self.model_fields_set if name.startswith("DATABASE_")}
        if self.DATABASE_HOST is None and named:
            raise ValueError(f"{PREFIX}DATABASE_HOST is missing: {PREFIX}{min(named)} is set")
        if self.DATABASE_PASSWORD is not None and self.DATABASE_PASSWORD_FILE is not None:
            raise ValueError(
                f"{PREFIX}DATABASE_PASSWORD and {PREFIX}DATABASE_PASSWORD_FILE are both set"
            )
        if self.DATABASE_PASSWORD_FILE is not None:
            self.database_password()
        return self

    @model_validator(mode="after")
    def admin_token_is_usable(self) -> Self:
        """Refuse an admin token that is too short or cannot be read; a missing file is none."""
        self.admin_token()
        return self

    @model_validator(mode="after")
    def webhooks_are_usable(self) -> Self:
        """Refuse secrets that are too short or cannot be read."""
        for name in Settings.model_fields:
            if found := WEBHOOK_SECRETS.fullmatch(name):
                self.webhook_secrets(found[1].lower())
        return self

    @property
    def embedded(self) -> bool:
        """Say whether the ledger lives in SQLite under `DATA_DIR`."""
        return self.DATABASE_HOST is None

    def database_url(self) -> URL:
        """Return SQLAlchemy's address of the database, without the password."""
        if self.embedded:
            return URL.create("sqlite", database=str(self.DATA_DIR / "slipway.db"))
        return URL.create(
            "postgresql+psycopg",
            username=self.DATABASE_USER,
            host=self.DATABASE_HOST,
            port=self.DATABASE_PORT,
            database=self.DATABASE_NAME,
            query={"sslmode": self.DATABASE_SSLMODE},
        )

    def database_password(self) -> str | None:
        """Return the password; a file is read anew each time, so that it can be rotated.

        Raises ValueError when the file cannot be read.
        """
        if self.DATABASE_PASSWORD_FILE is None:
            return self.DATABASE_PASSWORD
        try:
            return self.DATABASE_PASSWORD_FILE.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ValueError(
                f"{PREFIX}DATABASE_PASSWORD_FILE {self.DATABASE_PASSWORD_FILE}"
                f" cannot be read: {reason}"
            ) from error

    def admin_token(self) -> str | None:
        """Return the bootstrap admin token; None when there is no such file.

        The file is read anew each time, so that the token can be replaced. Raises ValueError when
        the file cannot be read, or what it holds is too short.
        """
        if self.ADMIN_TOKEN_FILE is None:
            return None
        fault = f"{PREFIX}ADMIN_TOKEN_FILE {self.ADMIN_TOKEN_FILE}"
        try:
            token = self.ADMIN_TOKEN_FILE.read_text().strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ValueError(f"{fault} cannot be read: {reason}") from error
        if len(token) < ADMIN_TOKEN_LENGTH:
            raise ValueError(f"{fault} holds fewer than {ADMIN_TOKEN_LENGTH} characters")
        return token

    def webhook_secrets(self, source: str) -> list[str]:
        """Return the secrets that a source's webhooks may be signed with; none without a file.

        The file is read anew each time, so that they can be rotated. Raises ValueError when it
        cannot be read, or one is too short.
        """
        name = f"WEBHOOK_{source.upper()}_SECRET_FILE"
        path: Path | None = getattr(self, name, None)
        if path is None:
            return []
        try:
            secrets = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ValueError(f"{PREFIX}{name} {path} cannot be read: {reason}") from error
        if any(len(secret) < WEBHOOK_SECRET_LENGTH for secret in secrets):
            raise ValueError(
                f"{PREFIX}{name} {path} has a line of fewer than {WEBHOOK_SECRET_LENGTH} characters"
            )
        return secrets

    def notification_private_hosts(self) -> frozenset[str]:
        """Return the hosts that notifications may be sent to although they are inside."""
        names = self.NOTIFICATION_PRIVATE_HOSTS.lower().split(",")
        return frozenset(filter(None, map(str.strip, names)))


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of the environment, with `overrides` (names without prefix) on top.

    Raises SettingsError naming every variable that is unknown, missing or wrong.
    """
    config = Config(".")
    # Values stay text: a database named 123 is not a number.
    config.from_prefixed_env(PREFIX.rstrip("_"), loads=str)
    given = {name: value for name, value in config.items() if not SERVICE_LINK.fullmatch(name)}
    try:
        return Settings.model_validate({**given, **(overrides or {})})
    except ValidationError as error:
        raise SettingsError([_fault(dict(fault)) for fault in error.errors()]) from None


def _fault(fault: dict[str, Any]) -> str:
    """Word one of pydantic's complaints for the person who set the variable."""
    name = str(fault["loc"][0]) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"; did you mean {PREFIX}{close[0]}?" if close else ""
        return f"{PREFIX}{name} is not a setting{hint}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{name}: {message}" if name else message
