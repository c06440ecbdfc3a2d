"""Reports of changes, that is, of commits of a service."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from api.domain.kit.models import Incoming
from api.domain.kit.times import Time
from api.domain.kit.types import Actor, Commit, Line, Name, Version

MAX_BATCH = 1000


class NewChange(Incoming):
    """A report of a commit."""

    service: Annotated[
        Name, Field(description="The service that it changes; created if it does not exist.")
    ]
    commit: Annotated[Commit, Field(description="The application's commit.")]
    committed_at: Time
    author: Actor | None = None
    title: Annotated[Line | None, Field(description="The first line of its message.")] = None
    version: Annotated[
        Version | None,
        Field(description="The first version that contains it, once there is one."),
    ] = None


class NewChanges(Incoming):
    """A report of several commits."""

    model_config = ConfigDict(
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
