"""`/matrix`: what runs where, and whether it is what git declares."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.database import database
from api.domain import matrix as domain
from api.domain.declarations.model import Folder
from api.domain.kit.times import Time
from api.domain.kit.types import Commit, ConfigRevision, ImageDigest, Name, RepositoryUrl, Version
from api.domain.matrix import SyncState

bp = APIBlueprint(
    "matrix",
    __name__,
    url_prefix="/matrix",
    tag={"name": "Matrix", "description": "What runs where."},
)


class MatrixQuery(BaseModel):
    """Which moment is asked about."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    at: Annotated[
        Time | None, Field(description="What ran and was declared then; now when it is not given.")
    ] = None


class Declared(BaseModel):
    """Which release git declares, and who says so."""

    version: Version | None
    image_digest: ImageDigest | None
    config_revision: ConfigRevision
    repository: RepositoryUrl
    path: Folder
    declared_at: Annotated[AwareDatetime, Field(description="Since when.")]


class MatrixCell(BaseModel):
    """What runs of one service in one environment, which is what last succeeded there.

    Beside it is what git declares. Where something is declared and nothing was seen yet, what
    tells of a deployment is null.
    """

    service: Name
    environment: Name
    version: Version | None
    image_digest: ImageDigest | None
    commit: Commit | None
    config_revision: str | None
    since: Annotated[AwareDatetime | None, Field(description="When that deployment finished.")]
    deployment_id: UUID | None
    declared: Declared | None
    deploying: Annotated[bool, Field(description="Whether the latest deployment has not ended.")]
    state: Annotated[
        SyncState,
        Field(
            description="in-sync: what runs is what is declared; pending: it is not, and is being"
            " deployed or was declared since; drifted: something else runs; unknown: nothing is"
            " declared, or nothing was seen."
        ),
    ]


class Matrix(BaseModel):
    """One cell for each service and environment where something runs or is declared."""

    cells: list[MatrixCell]


@bp.get("")
@bp.input(MatrixQuery, location="query", arg_name="query")
@bp.output(Matrix)
@bp.doc(
    operation_id="getMatrix",
    summary="Show what runs where and what is declared, or ran and was at some time",
)
def get_matrix(query: MatrixQuery) -> dict[str, list[dict[str, Any]]]:
    """Return what runs and what is declared, by service and in the order of promotion."""
    with database().read() as connection:
        return {"cells": domain.cells(connection, query.at)}
