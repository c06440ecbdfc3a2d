"""`/matrix`: what runs where."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.database import database
from api.domain import matrix as domain
from api.domain.types import Commit, ImageDigest, Name, Time, Version

bp = APIBlueprint(
    "matrix",
    __name__,
    url_prefix="/matrix",
    tag={"name": "Matrix", "description": "What runs where."},
)


class MatrixQuery(BaseModel):
    """Which moment is asked about."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    at: Annotated[Time | None, Field(description="What ran then; now when it is not given.")] = None


class MatrixCell(BaseModel):
    """What runs of one service in one environment: what last succeeded there."""

    service: Name
    environment: Name
    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    config_revision: str | None
    since: Annotated[AwareDatetime, Field(description="When that deployment finished.")]
    deployment_id: UUID


class Matrix(BaseModel):
    """One cell for each service and environment where something runs."""

    cells: list[MatrixCell]


@bp.get("")
@bp.input(MatrixQuery, location="query", arg_name="query")
@bp.output(Matrix)
@bp.doc(operation_id="getMatrix", summary="Show what runs where, or ran at some time")
def get_matrix(query: MatrixQuery) -> dict[str, list[dict[str, Any]]]:
    """Return what runs where, by service and in the order of promotion."""
    with database().read() as connection:
        return {"cells": domain.running(connection, query.at)}
