"""Declarations: the releases that git declares for each environment, and since when.

A declaration says that from some time on, git declares this release of a service, or withdraws it.
The declared release at a given time is the latest declaration up to then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NamedTuple, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from api.domain.kit.models import Incoming
from api.domain.kit.times import Time
from api.domain.kit.types import (
    ConfigRevision,
    ImageDigest,
    Name,
    RepositoryUrl,
    Version,
    named,
)

MAX_SERVICES = 1000
# A path relative to the root of the repository; the root itself is the empty string.
Folder = Annotated[
    str,
    StringConstraints(pattern=r"^([^\x00-\x1f\x7f-\x9f/]+(/[^\x00-\x1f\x7f-\x9f/]+)*)?$"),
    Field(max_length=255, examples=["k8s"]),
]
# What identifies the declaring folder: a service that its next report leaves out is withdrawn.
SOURCE = ("repository", "path")
RELEASE = ("version", "image_digest")
# The fields of a declaration other than its service, environment and time.
CONTENT = (*RELEASE, "config_revision", *SOURCE)


class DeclaredRelease(Incoming):
    """The declared release of a service: a version, a digest, or both."""

    version: Annotated[Version | None, Field(description="Its version, usually a tag.")] = None
    image_digest: Annotated[ImageDigest | None, Field(description="The image's digest.")] = None
    config_revision: Annotated[
        ConfigRevision | None,
        Field(
            description="The revision that first declared it; by default that of the whole report."
        ),
    ] = None
    declared_at: Annotated[
        Time | None,
        Field(
            description="Since when it is declared; by default the time of the first report that"
            " declared it."
        ),
    ] = None

    @model_validator(mode="after")
    def names_a_release(self) -> Self:
        """Reject a release without version and digest."""
        if self.version is None and self.image_digest is None:
            raise ValueError("must have a version or an image_digest")
        return self


class NewDeclarations(Incoming):
    """Everything that a folder of a repository declares for an environment, at one revision."""

    model_config = ConfigDict(
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

    repository: Annotated[RepositoryUrl, Field(description="The declaring repository.")]
    path: Annotated[
        Folder, Field(description="The declaring folder; empty for the whole repository.")
    ] = ""
    config_revision: Annotated[ConfigRevision, Field(description="The revision of the report.")]
    declared_at: Annotated[
        Time | None, Field(description="When that revision was committed; by default now.")
    ] = None
    services: Annotated[
        dict[Name, DeclaredRelease],
        Field(
            max_length=MAX_SERVICES,
            description="The declared release of each service, by name. A service that the same"
            " folder declared before and that is missing here is withdrawn.",
            examples=[{"checkout": {"version": "1.4.2"}}],
            json_schema_extra=named,
        ),
    ]


class Declaration(NamedTuple):
    """A release of a service declared from `declared_at` on.

    It is a withdrawal if it has neither a version nor a digest.
    """

    service: str
    environment: str
    version: str | None
    image_digest: str | None
    config_revision: str
    repository: str
    path: str
    declared_at: datetime
