"""Lines of what git declares: what each folder reported, and what follows from it."""

from __future__ import annotations

from typing import Literal

from api.domain.declarations.model import Folder
from api.domain.kit.times import Time
from api.domain.kit.types import ConfigRevision, ImageDigest, Name, RepositoryUrl, Version
from api.domain.transfer.lines.entry import KeyedEntry


class DeclarationEntry(KeyedEntry):
    """A fact of what git declares; one that names no release is a withdrawal."""

    KEY = ("service", "environment", "declared_at")

    type: Literal["declaration"]
    service: Name
    environment: Name
    version: Version | None = None
    image_digest: ImageDigest | None = None
    config_revision: ConfigRevision
    repository: RepositoryUrl
    path: Folder = ""
    declared_at: Time
    reported_at: Time | None = None


class DeclarationReportEntry(KeyedEntry):
    """That a folder reported all that it declares for an environment."""

    KEY = ("environment", "repository", "path", "declared_at")

    type: Literal["declaration_report"]
    environment: Name
    repository: RepositoryUrl
    path: Folder
    declared_at: Time
    config_revision: ConfigRevision


class DeclarationStatementEntry(KeyedEntry):
    """The difference of such a report from the one before it, for one service."""

    KEY = ("service", "environment", "repository", "path", "reported_at")

    type: Literal["declaration_statement"]
    service: Name
    environment: Name
    repository: RepositoryUrl
    path: Folder
    reported_at: Time
    version: Version | None = None
    image_digest: ImageDigest | None = None
    config_revision: ConfigRevision | None = None
    declared_at: Time | None = None
