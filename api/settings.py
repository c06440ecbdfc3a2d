"""The service's settings: read from `SLIPWAY_*` variables and validated once, at startup."""

from __future__ import annotations

import difflib
import hmac
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

# Kubernetes sets variables for every Service in a namespace, and those of a Service named `slipway`
# have this prefix. This repository's manifests turn that off, others may not.
SERVICE_LINK = re.compile(r"SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_\w+)?")

# The files have one secret per line: both are valid while one replaces the other.
WEBHOOK_SECRET_LENGTH = 16
WEBHOOK_SECRETS = re.compile(r"WEBHOOK_([A-Z]+)_SECRET_FILE")
# Shorter ones might be guessable.
ADMIN_TOKEN_LENGTH = 32
SESSION_KEY_LENGTH = 32


def _check_rate(text: str) -> str:
    try:
        parse_many(text)
    except ValueError as error:
        raise ValueError("must be a rate such as 60 per minute") from error
    return text


Rate = Annotated[str, AfterValidator(_check_rate)]


class SettingsError(SystemExit):
    """Settings are not valid: exit with status 1 and one line for each fault.

    It is a `SystemExit` so that Gunicorn, Flask's command line and Alembic, which all import the
    application, exit with these lines instead of a traceback.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(f"slipway: {fault}" for fault in faults))


class Settings(BaseModel):
    """All settings, named as their variables without the prefix `SLIPWAY_`.

    Without `DATABASE_HOST`, the ledger uses an embedded SQLite database in `DATA_DIR`.
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
    SESSION_KEY_FILE: Path | None = None
    WEBHOOK_FLUX_SECRET_FILE: Path | None = None
    WEBHOOK_GITHUB_SECRET_FILE: Path | None = None
    WEBHOOK_GITLAB_SECRET_FILE: Path | None = None
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
        """Reject database settings that contradict each other or would be ignored."""
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
        """Reject an admin token that is too short or unreadable; a missing file is accepted."""
        self.admin_token()
        return self

    @model_validator(mode="after")
    def webhooks_are_usable(self) -> Self:
        """Reject webhook secrets that are too short or unreadable."""
        for name in Settings.model_fields:
            if found := WEBHOOK_SECRETS.fullmatch(name):
                self.webhook_secrets(found[1].lower())
        return self

    @model_validator(mode="after")
    def session_keys_are_usable(self) -> Self:
        """Reject session keys that are too short or unreadable; a missing file is accepted."""
        self.session_keys()
        return self

    @property
    def embedded(self) -> bool:
        """Return whether the ledger uses the embedded SQLite database."""
        return self.DATABASE_HOST is None

    @property
    def database_file(self) -> Path:
        """Return the file of the embedded database."""
        return self.DATA_DIR / "slipway.db"

    def database_url(self) -> URL:
        """Return SQLAlchemy's URL of the database, without the password."""
        if self.embedded:
            return URL.create("sqlite", database=str(self.database_file))
        return URL.create(
            "postgresql+psycopg",
            username=self.DATABASE_USER,
            host=self.DATABASE_HOST,
            port=self.DATABASE_PORT,
            database=self.DATABASE_NAME,
            query={"sslmode": self.DATABASE_SSLMODE},
        )

    def database_password(self) -> str | None:
        """Return the database password, or None.

        A file is read on every call, so that the password can be rotated. Raises ValueError if the
        file cannot be read.
        """
        if self.DATABASE_PASSWORD_FILE is None:
            return self.DATABASE_PASSWORD
        return (self._content("DATABASE_PASSWORD_FILE") or "").strip()

    def admin_token(self) -> str | None:
        """Return the bootstrap admin token, or None if the file does not exist.

        The file is read on every call, so that the token can be replaced. Raises ValueError if the
        file cannot be read or the token is too short.
        """
        token = self._content("ADMIN_TOKEN_FILE", may_be_missing=True)
        if token is None:
            return None
        if len(token.strip()) < ADMIN_TOKEN_LENGTH:
            fault = f"{PREFIX}ADMIN_TOKEN_FILE {self.ADMIN_TOKEN_FILE}"
            raise ValueError(f"{fault} has fewer than {ADMIN_TOKEN_LENGTH} characters")
        return token.strip()

    def session_keys(self) -> list[str]:
        """Return the keys that sign sessions of the pages, the current one first.

        Without a file of keys, the key is derived from the admin token; empty without either. Pods
        with the same file agree. Raises ValueError as `webhook_secrets` and `admin_token` do.
        """
        keys = self._secrets("SESSION_KEY_FILE", SESSION_KEY_LENGTH)
        if keys:
            return keys
        token = self.admin_token()
        return [hmac.digest(token.encode(), b"slipway sessions", "sha256").hex()] if token else []

    def webhook_secrets(self, source: str) -> list[str]:
        """Return the secrets that may sign a source's webhooks; empty without a file.

        The file is read on every call, so that secrets can be rotated. Raises ValueError if it
        cannot be read or a secret is too short.
        """
        return self._secrets(f"WEBHOOK_{source.upper()}_SECRET_FILE", WEBHOOK_SECRET_LENGTH)

    def _secrets(self, name: str, length: int) -> list[str]:
        """Return the secrets in the file that a setting names, of at least this length."""
        text = self._content(name, may_be_missing=True) or ""
        secrets = [line.strip() for line in text.splitlines() if line.strip()]
        if any(len(secret) < length for secret in secrets):
            fault = f"{PREFIX}{name} {getattr(self, name)}"
            raise ValueError(f"{fault} has a line of fewer than {length} characters")
        return secrets

    def _content(self, name: str, *, may_be_missing: bool = False) -> str | None:
        """Return the text of the file that a setting names; None without the setting or the file.

        Raises ValueError if it cannot be read, and if it is missing but may not be.
        """
        path: Path | None = getattr(self, name, None)
        if path is None:
            return None
        try:
            return path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            if may_be_missing and isinstance(error, FileNotFoundError):
                return None
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ValueError(f"{PREFIX}{name} {path} cannot be read: {reason}") from error

    def notification_private_hosts(self) -> frozenset[str]:
        """Return the hosts that may receive notifications at private addresses."""
        names = self.NOTIFICATION_PRIVATE_HOSTS.lower().split(",")
        return frozenset(filter(None, map(str.strip, names)))


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Load the settings from the environment; `overrides`, without the prefix, take precedence.

    Raises SettingsError, which names every unknown, missing or invalid variable.
    """
    config = Config(".")
    # Keep the values as strings: a database may be named 123.
    config.from_prefixed_env(PREFIX.rstrip("_"), loads=str)
    given = {name: value for name, value in config.items() if not SERVICE_LINK.fullmatch(name)}
    try:
        return Settings.model_validate({**given, **(overrides or {})})
    except ValidationError as error:
        raise SettingsError([_fault(dict(fault)) for fault in error.errors()]) from None


def _fault(fault: dict[str, Any]) -> str:
    """Turn a Pydantic error into a message that names the variable."""
    name = str(fault["loc"][0]) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"; did you mean {PREFIX}{close[0]}?" if close else ""
        return f"{PREFIX}{name} is not a setting{hint}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{name}: {message}" if name else message
