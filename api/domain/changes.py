"""Changes: the commits of a service, what a report of one says, and how they are found."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Select, select

from api.domain import lists
from api.domain.lists import Order, Span
from api.domain.types import Actor, Commit, Line, Name, Time, Version
from api.tables import changes, services

MAX_BATCH = 1000


class NewChange(BaseModel):
    """A commit as somebody reports it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    service: Annotated[Name, Field(description="What it changes; created on first sight.")]
    commit: Annotated[Commit, Field(description="The application's commit.")]
    committed_at: Time
    author: Actor | None = None
    title: Annotated[Line | None, Field(description="The first line of its message.")] = None
    version: Annotated[
        Version | None, Field(description="The version that first contains it, once there is one.")
    ] = None


class NewChanges(BaseModel):
    """Some commits as somebody reports them."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {
                "changes": [
                    {
                        "service": "checkout",
                        "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
                        "committed_at": "2026-03-01T09:30:00Z",
                        "author": "ada",
                        "title": "Refuse an empty basket",
                        "version": "1.4.2",
                    }
                ]
            }
        },
    )

    changes: Annotated[list[NewChange], Field(max_length=MAX_BATCH)]


class Filters(Span):
    """What a list of changes is narrowed to; `from` and `to` are about `committed_at`."""

    service: Name | None = None
    version: Version | None = None


# The columns of a change as it is told, in the order a person reads them.
FIELDS = (
    changes.c.id,
    services.c.name.label("service"),
    changes.c.commit,
    changes.c.committed_at,
    changes.c.author,
    changes.c.title,
    changes.c.version,
    changes.c.created_at,
)
ORDER: Order = {"committed_at": changes.c.committed_at, "id": changes.c.id}


def find(connection: Connection, change_id: UUID) -> dict[str, Any] | None:
    """Return the change of that id, or None."""
    return lists.one(connection, _select().where(changes.c.id == change_id))


def selected(filters: Filters) -> Select[Any]:
    """Return the statement for a list of changes, to be ordered and cut into pages."""
    statement = _select().where(*filters.within(changes.c.committed_at))
    if filters.service is not None:
        statement = statement.where(services.c.name == filters.service)
    if filters.version is not None:
        statement = statement.where(changes.c.version == filters.version)
    return statement


def _select() -> Select[Any]:
    return select(*FIELDS).select_from(changes.join(services))
