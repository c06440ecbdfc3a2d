"""Validated types of the fields that features share: names, versions, digests, URLs, links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import (
    Field,
    StringConstraints,
)

from api.domain.kit.models import Incoming


def whole(value: Any) -> Any:
    """Convert a float without a fraction to an integer: JSON Schema makes no difference."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def absent() -> Any:
    """Return the default of an optional field that does not accept null; it is not validated."""
    return None


def named(schema: dict[str, Any]) -> None:
    """Describe an object of values by name, as JSON Schema for a field of `dict[Name, …]`.

    Pydantic describes the values under `patternProperties`, which generators of clients do not
    read: what they generate could hold no value, so that it sent an empty object.
    """
    ((pattern, values),) = schema.pop("patternProperties").items()
    schema["propertyNames"] = {"pattern": pattern, "maxLength": NAME_LENGTH}
    schema["additionalProperties"] = values


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
# PostgreSQL stores no NUL, and the others do not belong into a line either.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# One line of text, without control characters.
LINE = r"^[^\x00-\x1f\x7f-\x9f]+$"
LINE_LENGTH, ACTOR_LENGTH = 200, 128
Line = Annotated[
    str,
    StringConstraints(pattern=LINE, max_length=LINE_LENGTH),
    Field(examples=["Payments are refused"]),
]
Actor = Annotated[
    str, StringConstraints(pattern=LINE, max_length=ACTOR_LENGTH), Field(examples=["ada"])
]
# A commit, or a controller's notation for one: `main@sha1:…`, `sha256:…`.
ConfigRevision = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]+$", max_length=128),
    Field(examples=["main@sha1:8b137891791fe96927ad78e64b0aad7bded08bdc"]),
]
ExternalId = Annotated[
    str, StringConstraints(pattern=r"^[!-~]+$", max_length=256), Field(examples=["4711"])
]
URL = r"^https?://[!-~]+$"
URL_LENGTH = 2048
Url = Annotated[
    str,
    StringConstraints(pattern=URL, max_length=URL_LENGTH),
    Field(examples=["https://ci.example.com/runs/4711"]),
]
RepositoryUrl = Annotated[
    str,
    StringConstraints(pattern=URL, max_length=512),
    Field(examples=["https://github.com/acme/checkout"]),
]
# An image's name without tag and digest, by the reference grammar of the OCI distribution project.
ImageName = Annotated[
    str,
    StringConstraints(
        pattern=r"^([A-Za-z0-9.-]+(:[0-9]+)?/)?"
        r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$",
        max_length=255,
    ),
    Field(examples=["ghcr.io/acme/checkout"]),
]


class Link(Incoming):
    """A link to further information, such as a pipeline, a pull request or a log."""

    title: Line
    url: Url


MAX_LINKS = 10
Links = Annotated[list[Link], Field(max_length=MAX_LINKS)]


def united(links: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Deduplicate and sort links, so that the order of reports does not matter.

    Returns at most MAX_LINKS.
    """
    found = {(link["title"], link["url"]) for link in links}
    return [{"title": title, "url": url} for title, url in sorted(found)[:MAX_LINKS]]


def printable(text: str) -> str:
    """Return a text with a replacement character for each one that cannot be in a line."""
    return CONTROL.sub("\ufffd", text)
