"""The words of the ledger: names, versions, digests, times, and the states of a deployment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

# A sender's clock may be a little ahead; more than this is a wrong time.
CLOCK_SKEW = timedelta(minutes=5)
# An incident that names no deployment is taken to be about the latest one, if it is this recent.
INFERENCE_WINDOW = timedelta(hours=72)

# Python takes an offset of 99 minutes, too.
RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII
)


class Status(StrEnum):
    """Where a deployment stands; the last three are final."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Say whether nothing more is expected to happen."""
        return self not in (Status.PENDING, Status.RUNNING)


class Kind(StrEnum):
    """Why a deployment was made; a resync brought nothing new."""

    ROLLOUT = "rollout"
    ROLLBACK = "rollback"
    HOTFIX = "hotfix"
    RESYNC = "resync"


class Tier(StrEnum):
    """What an environment is for; the metrics look at production."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class InvalidValueError(ValueError):
    """A value is well-formed, and wrong for what the ledger knows."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        # A JSON pointer into what was sent (RFC 6901).
        self.pointer = pointer
        self.detail = detail


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def this_minute() -> datetime:
    """Return when the current minute began: what is told by it is the same for a while."""
    return now().replace(second=0, microsecond=0)


def whole(value: Any) -> Any:
    """Return a number without a fraction as the integer that JSON Schema takes it for."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def absent() -> Any:
    """Stand for a field that was not given, and is then not looked at."""
    return None


def parse_time(value: Any) -> datetime:
    """Return the instant of something that happened, as `parse_instant` does.

    Raises ValueError for a time more than five minutes ahead, too.
    """
    instant = parse_instant(value)
    if instant > now() + CLOCK_SKEW:
        raise ValueError("must not be more than five minutes ahead")
    return instant


def parse_future_time(value: Any) -> datetime:
    """Return the instant of something to come, as `parse_instant` does.

    Raises ValueError for a time that has passed, too.
    """
    instant = parse_instant(value)
    if instant <= now():
        raise ValueError("must be in the future")
    return instant


def parse_instant(value: Any) -> datetime:
    """Return the instant of an RFC 3339 text with an offset, in UTC and to the microsecond.

    An aware datetime, as our own code has it, is taken too. Raises ValueError for anything else.
    """
    if isinstance(value, str) and RFC3339.fullmatch(value):
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError("must be a time that exists") from error
    elif isinstance(value, datetime) and value.tzinfo is not None:
        instant = value.astimezone(UTC)
    else:
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-03-01T12:00:00Z")
    return instant


NAME_LENGTH = 63
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", max_length=NAME_LENGTH),
    Field(examples=["checkout"]),
]
Version = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=128),
    Field(examples=["1.4.2"]),
]
ImageDigest = Annotated[
    str,
    StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$"),
    Field(examples=["sha256:" + "4f" * 32]),
]
Commit = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{7,64}$"),
    Field(examples=["9fceb02d0ae598e95dc970b74767f19372d61af8"]),
]
# One line of text: whatever a person reads, without control characters.
LINE = r"^[^\x00-\x1f\x7f-\x9f]+$"
Line = Annotated[
    str,
    StringConstraints(pattern=LINE, max_length=200),
    Field(examples=["Payments are refused"]),
]
Actor = Annotated[str, StringConstraints(pattern=LINE, max_length=128), Field(examples=["ada"])]
# A commit, or what a controller calls one: `main@sha1:…`, `sha256:…`.
ConfigRevision = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]+$", max_length=128),
    Field(examples=["main@sha1:8b137891791fe96927ad78e64b0aad7bded08bdc"]),
]
ExternalId = Annotated[
    str, StringConstraints(pattern=r"^[!-~]+$", max_length=256), Field(examples=["4711"])
]
URL = r"^https?://[!-~]+$"
Url = Annotated[
    str,
    StringConstraints(pattern=URL, max_length=2048),
    Field(examples=["https://ci.example.com/runs/4711"]),
]
RepositoryUrl = Annotated[
    str,
    StringConstraints(pattern=URL, max_length=512),
    Field(examples=["https://github.com/acme/checkout"]),
]
# An image's name without tag and digest, as the distribution reference grammar has it.
ImageName = Annotated[
    str,
    StringConstraints(
        pattern=r"^([A-Za-z0-9.-]+(:[0-9]+)?/)?"
        r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$",
        max_length=255,
    ),
    Field(examples=["ghcr.io/acme/checkout"]),
]
Time = Annotated[
    datetime,
    BeforeValidator(parse_time, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
FutureTime = Annotated[
    datetime,
    BeforeValidator(parse_future_time, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Link(BaseModel):
    """Where to read more: a pipeline, a pull request, a log."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    title: Line
    url: Url


MAX_LINKS = 10
Links = Annotated[list[Link], Field(max_length=MAX_LINKS)]


def united(links: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return each link once and sorted, so that the order of reports leaves no trace."""
    found = {(link["title"], link["url"]) for link in links}
    return [{"title": title, "url": url} for title, url in sorted(found)[:MAX_LINKS]]
