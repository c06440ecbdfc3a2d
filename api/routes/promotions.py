"""`/promotions/pending`: the releases that wait to be promoted to the next environment."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from apiflask import APIBlueprint
from pydantic import AwareDatetime, Field

from api.database import database
from api.domain.declarations.model import Folder
from api.domain.kit.models import Incoming, Model
from api.domain.kit.types import Commit, ImageDigest, Name, RepositoryUrl, Version
from api.domain.promotions import pending as domain
from api.http.problems import InvalidParameterError

bp = APIBlueprint(
    "promotions",
    __name__,
    url_prefix="/promotions",
    tag={"name": "Promotions", "description": "Releases that wait to be promoted."},
)


class PromotionQuery(Incoming):
    """The two environments of a promotion."""

    upstream: Annotated[
        Name, Field(alias="from", description="The environment where the releases run.")
    ]
    downstream: Annotated[
        Name, Field(alias="to", description="The environment to which they are promoted.")
    ]


class Running(Model):
    """The release of a service that runs in an environment."""

    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    since: Annotated[AwareDatetime, Field(description="Since when this release runs there.")]
    deployment_id: UUID


class PromotedChange(Model):
    """A change that the promotion delivers."""

    id: UUID
    commit: Commit
    committed_at: AwareDatetime
    author: str | None
    title: str | None
    version: Version


class PromotionBlocker(Model):
    """A reason not to promote a release yet."""

    reason: Literal[
        "digest_unknown",
        "deployment_failed",
        "deployment_running",
        "incident_open",
        "replaced_before",
        "downgrade",
    ]
    detail: Annotated[str, Field(examples=["checkout 1.5.0 failed in staging."])]
    deployment_id: UUID | None
    incident_id: UUID | None


class DeclaringFolder(Model):
    """The folder of a repository that declares releases for an environment."""

    repository: RepositoryUrl
    path: Folder


class PendingPromotion(Running):
    """A release that runs in one environment and not in the next."""

    service: Name
    waiting_since: Annotated[AwareDatetime, Field(description="Since when it runs in `from`.")]
    age_seconds: Annotated[
        int, Field(description="From waiting_since to the start of the current minute.")
    ]
    replaces: Annotated[
        Running | None, Field(description="The release that runs in `to` now, if any.")
    ]
    change_count: Annotated[int, Field(description="The number of changes that it delivers.")]
    changes: Annotated[list[PromotedChange], Field(description="The newest 100 of these changes.")]
    blockers: Annotated[
        list[PromotionBlocker], Field(description="Empty if the release may be promoted.")
    ]
    declared_in: Annotated[
        DeclaringFolder | None,
        Field(description="The folder that declares the service for `to`: promote it there."),
    ]


class PendingPromotions(Model):
    """The releases that wait to be promoted, by service."""

    items: list[PendingPromotion]


@bp.get("/pending")
@bp.input(PromotionQuery, location="query", arg_name="query")
@bp.output(PendingPromotions)
@bp.doc(operation_id="listPendingPromotions", summary="List the releases that wait to be promoted")
def list_pending(query: PromotionQuery) -> dict[str, list[dict[str, Any]]]:
    """Return the releases that run in `from` and not in `to`, with their changes and blockers."""
    if query.upstream == query.downstream:
        raise InvalidParameterError("to", "must not be the same environment as from")
    with database().read() as connection:
        missing = domain.unknown(connection, {query.upstream, query.downstream})
        for parameter, name in (("from", query.upstream), ("to", query.downstream)):
            if name in missing:
                raise InvalidParameterError(parameter, f"there is no environment {name}")
        items = domain.pending(connection, query.upstream, query.downstream)
        return {"items": domain.with_folders(connection, query.downstream, items)}
