"""Declarations: which release of a service git declares for an environment, and since when.

What is kept are facts: from this time on, this release was declared there, or nothing any more.
What was declared at some time is the latest fact of that time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.domain.kit.times import Time
from api.domain.kit.types import (
    NAME_LENGTH,
    ConfigRevision,
    ImageDigest,
    Name,
    RepositoryUrl,
    Version,
)

MAX_SERVICES = 1000
# A folder as git names it: relative to the top of the repository, which is the empty text.
Folder = Annotated[
    str,
    StringConstraints(pattern=r"^([^\x00-\x1f\x7f-\x9f/]+(/[^\x00-\x1f\x7f-\x9f/]+)*)?$"),
    Field(max_length=255, examples=["k8s"]),
]
# Who declares: what is left out of a statement of theirs is declared no more.
SOURCE = ("repository", "path")
RELEASE = ("version", "image_digest")
# What a fact says, beside where and when.
CONTENT = (*RELEASE, "config_revision", *SOURCE)


class DeclaredRelease(BaseModel):
    """What is declared of one service: a tag that people read, a digest that decides, or both."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Annotated[Version | None, Field(description="What its people call it: a tag.")] = None
    image_digest: Annotated[ImageDigest | None, Field(description="The image's digest.")] = None
    config_revision: Annotated[
        ConfigRevision | None,
        Field(description="The revision that declared it first; by default that of the whole."),
    ] = None
    declared_at: Annotated[
        Time | None,
        Field(
            description="Since when it is declared; by default since it was first told,"
            " at the time of the whole."
        ),
    ] = None

    @model_validator(mode="after")
    def names_a_release(self) -> Self:
        """Refuse one that says nothing."""
        if self.version is None and self.image_digest is None:
            raise ValueError("must have a version or an image_digest")
        return self


class NewDeclarations(BaseModel):
    """All that a folder of a repository declares for an environment, as of one revision."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {
                "repository": "https://github.com/acme/gitops",
                "path": "k8s",
                "config_revision": "8b137891791fe96927ad78e64b0aad7bded08bdc",
                "declared_at": "2026-03-01T11:55:00Z",
                "services": {
                    "checkout": {"version": "1.4.2", "image_digest": "sha256:" + "4f" * 32}
                },
            }
        },
    )

    repository: Annotated[RepositoryUrl, Field(description="The repository that declares it.")]
    path: Annotated[Folder, Field(description="The folder there; empty for the whole.")] = ""
    config_revision: Annotated[ConfigRevision, Field(description="The revision that says so.")]
    declared_at: Annotated[
        Time | None, Field(description="When that was committed; now when it is not given.")
    ] = None
    services: Annotated[
        dict[Name, DeclaredRelease],
        Field(
            max_length=MAX_SERVICES,
            description="By name. What the same folder declared and is not here is withdrawn.",
            examples=[{"checkout": {"version": "1.4.2"}}],
            # What pydantic leaves out: a name that does not fit is refused, not passed over.
            json_schema_extra={
                "propertyNames": {"maxLength": NAME_LENGTH},
                "additionalProperties": False,
            },
        ),
    ]


class Declaration(NamedTuple):
    """From some time on, a release is declared in a cell; or nothing any more, if it names none."""

    service: str
    environment: str
    version: str | None
    image_digest: str | None
    config_revision: str
    repository: str
    path: str
    declared_at: datetime
