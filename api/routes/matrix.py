"""`/matrix`: what runs where."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain import matrix as domain
from api.domain.types import Commit, ImageDigest, Name, Version

bp = APIBlueprint(
    "matrix",
    __name__,
    url_prefix="/matrix",
    tag={"name": "Matrix", "description": "What runs where."},
)


class MatrixCell(BaseModel):
    """What runs of one service in one environment: what last succeeded there."""

    service: Name
    environment: Name
    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    since: Annotated[AwareDatetime, Field(description="When that deployment finished.")]
    deployment_id: UUID


class Matrix(BaseModel):
    """One cell for each service and environment where something runs."""

    cells: list[MatrixCell]


@bp.get("")
@bp.output(Matrix)
@bp.doc(operation_id="getMatrix", summary="Show what runs where")
def get_matrix() -> dict[str, list[dict[str, Any]]]:
    """Return what runs where, by service and environment."""
    with database().read() as connection:
        return {"cells": domain.current(connection)}
