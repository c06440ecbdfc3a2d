"""`/promotions/pending`: what waits to go from one environment to the next."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.database import database
from api.domain.kit.types import Commit, ImageDigest, Name, Version
from api.domain.promotions import pending as domain
from api.http.problems import InvalidParameterError

bp = APIBlueprint(
    "promotions",
    __name__,
    url_prefix="/promotions",
    tag={"name": "Promotions", "description": "What waits to go to the next environment."},
)


class PromotionQuery(BaseModel):
    """From where to where."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    upstream: Annotated[Name, Field(alias="from", description="The environment that has it.")]
    downstream: Annotated[Name, Field(alias="to", description="The environment that waits for it.")]


class Running(BaseModel):
    """What runs of a service in one environment."""

    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    since: AwareDatetime
    deployment_id: UUID


class BroughtChange(BaseModel):
    """A change that the promotion brings."""

    id: UUID
    commit: Commit
    committed_at: AwareDatetime
    author: str | None
    title: str | None
    version: Version


class PromotionBlocker(BaseModel):
    """What stands in the way."""

    reason: Literal[
        "digest_unknown",
        "deployment_failed",
        "deployment_running",
        "incident_open",
        "replaced_before",
    ]
    detail: Annotated[str, Field(examples=["checkout 1.5.0 failed in staging."])]
    deployment_id: UUID | None
    incident_id: UUID | None


class ReleaseEdit(BaseModel):
    """The edit that would promote it: this file with this content."""

    path: Annotated[str, Field(examples=["k8s/overlays/prod/release/kustomization.yaml"])]
    content: Annotated[str, Field(examples=["kind: Component\nimages: …\n"])]


class PendingPromotion(Running):
    """A version that waits: it runs in one environment and not in the next."""

    service: Name
    waiting_since: Annotated[AwareDatetime, Field(description="When it came to `from`.")]
    age_seconds: Annotated[
        int, Field(description="From waiting_since to the beginning of this minute.")
    ]
    replaces: Annotated[Running | None, Field(description="What `to` runs now, if anything.")]
    change_count: Annotated[int, Field(description="How many changes it brings.")]
    changes: Annotated[list[BroughtChange], Field(description="The newest hundred of them.")]
    blockers: Annotated[list[PromotionBlocker], Field(description="Empty: nothing is in the way.")]
    edit: Annotated[ReleaseEdit | None, Field(description="Null while the digest is not known.")]


class PendingPromotions(BaseModel):
    """What waits, by service."""

    items: list[PendingPromotion]


@bp.get("/pending")
@bp.input(PromotionQuery, location="query", arg_name="query")
@bp.output(PendingPromotions)
@bp.doc(
    operation_id="listPendingPromotions", summary="Show what waits to go to the next environment"
)
def list_pending(query: PromotionQuery) -> dict[str, list[dict[str, Any]]]:
    """Return what `from` runs and `to` does not, with what it brings and what is in the way."""
    if query.upstream == query.downstream:
        raise InvalidParameterError("to", "must be another environment than from")
    with database().read() as connection:
        missing = domain.unknown(connection, {query.upstream, query.downstream})
        for parameter, name in (("from", query.upstream), ("to", query.downstream)):
            if name in missing:
                raise InvalidParameterError(parameter, f"there is no environment {name}")
        return {"items": domain.pending(connection, query.upstream, query.downstream)}
