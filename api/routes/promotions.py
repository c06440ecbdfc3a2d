"""`/promotions/pending`: what waits to go from one environment to the next."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.database import database
from api.domain.declarations.model import Folder
from api.domain.kit.types import Commit, ImageDigest, Name, RepositoryUrl, Version
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
    """A reason not to promote it yet."""

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


class DeclaringFolder(BaseModel):
    """The folder of a repository that declares what an environment is to run."""

    repository: RepositoryUrl
    path: Folder


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
    blockers: Annotated[
        list[PromotionBlocker], Field(description="Empty if nothing speaks against it.")
    ]
    declared_in: Annotated[
        DeclaringFolder | None,
        Field(description="Where `to` declares the service: a promotion changes it there."),
    ]


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
    """Return what `from` runs and `to` does not, with the changes it brings and what blocks it."""
    if query.upstream == query.downstream:
        raise InvalidParameterError("to", "must be another environment than from")
    with database().read() as connection:
        missing = domain.unknown(connection, {query.upstream, query.downstream})
        for parameter, name in (("from", query.upstream), ("to", query.downstream)):
            if name in missing:
                raise InvalidParameterError(parameter, f"there is no environment {name}")
        return {"items": domain.pending(connection, query.upstream, query.downstream)}
