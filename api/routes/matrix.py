"""`/matrix`: the running and the declared release of each service in each environment."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain import matrix as domain
from api.domain.declarations.model import Folder
from api.domain.kit import pages
from api.domain.kit.times import TimeLimit
from api.domain.kit.types import Commit, ConfigRevision, ImageDigest, Name, RepositoryUrl, Version
from api.domain.matrix import Filters
from api.domain.releases import ORDER
from api.domain.states import SyncState
from api.http import bodies, unchanged
from api.routes import lists
from api.routes.lists import NextCursor, OptionalPage

bp = APIBlueprint(
    "matrix",
    __name__,
    url_prefix="/matrix",
    tag={"name": "Matrix", "description": "What runs where, and what git declares."},
)


class MatrixQuery(Filters, OptionalPage):
    """The time, the filters and the page of the matrix."""

    at: Annotated[
        TimeLimit | None,
        Field(description="Show what ran and was declared at this time; default now."),
    ] = None


class Declared(BaseModel):
    """The declared release, and the folder that declares it."""

    version: Version | None
    image_digest: ImageDigest | None
    config_revision: ConfigRevision
    repository: RepositoryUrl
    path: Folder
    declared_at: Annotated[AwareDatetime, Field(description="Since when it is declared.")]


class MatrixCell(BaseModel):
    """The release of a service that runs in an environment, and the one that git declares.

    The running release is that of the last successful deployment; its fields are null if a release
    is declared but none was deployed yet.
    """

    service: Name
    environment: Name
    version: Version | None
    image_digest: ImageDigest | None
    commit: Commit | None
    config_revision: str | None
    since: Annotated[
        AwareDatetime | None,
        Field(
            description="Since when this release runs: deploying it again does not make it younger."
        ),
    ]
    deployment_id: UUID | None
    declared: Declared | None
    deploying: Annotated[
        bool, Field(description="Whether the latest deployment is still in progress.")
    ]
    last_finished_at: Annotated[
        AwareDatetime | None,
        Field(description="When the last deployment ended; null while one is in progress."),
    ]
    state: Annotated[
        SyncState,
        Field(
            description="in-sync: the declared release runs; pending: another one runs, and a"
            " deployment is in progress or the declaration is newer than the last one; drifted:"
            " another one runs otherwise; unknown: nothing is declared, or nothing was deployed."
        ),
    ]


class Matrix(BaseModel):
    """One cell for each service and environment with a running or declared release."""

    cells: list[MatrixCell]
    next_cursor: NextCursor


@bp.get("")
@bp.input(MatrixQuery, location="query", arg_name="query")
@unchanged.while_nothing_is_written
@bp.output(Matrix)
@bp.doc(
    operation_id="getMatrix",
    summary="Show what runs where and what is declared, now or at a given time",
)
def get_matrix(query: MatrixQuery) -> Response:
    """Return the running and the declared releases, by service and promotion order."""
    after = lists.position(query, [str, int, str])
    one_more = None if query.limit is None else query.limit + 1
    with database().read() as connection:
        found = domain.cells(connection, query.at, query, after, one_more)
    cells, next_cursor, headers = lists.cut(query, found, lambda cell: pages.position(cell, ORDER))
    for cell in cells:
        del cell["promotion_order"]  # which is only part of the position
    return bodies.response({"cells": cells, "next_cursor": next_cursor}, headers)
