"""GitHub: the webhook events `deployment` and `deployment_status`.

Fields: octokit/webhooks, payload-schemas/api.github.com/deployment_status/created.schema.json. The
statuses of a deployment are ordered by their ids, in whatever order they are delivered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from api.domain.deployments.model import NewDeployment, Status
from api.domain.events.adapter import (
    Adapter,
    NotOursError,
    Observation,
    ObservedDeployment,
    ObservedEnvironment,
    ObservedRemoval,
    Received,
)
from api.domain.events.links import links
from api.domain.events.mapper import Mapper
from api.domain.events.rules import SourceRules
from api.domain.events.tags import tag_of
from api.domain.events.texts import line
from api.domain.kit import strictjson
from api.domain.kit.times import parse_time
from api.domain.kit.types import ACTOR_LENGTH

STATES = {
    "pending": Status.PENDING,
    "queued": Status.PENDING,
    "waiting": Status.PENDING,
    "in_progress": Status.RUNNING,
    "success": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "error": Status.FAILED,
    # Of what has succeeded it only says that another deployment has replaced it.
    "inactive": Status.CANCELLED,
}
HOST = re.compile(r"https?://(?:api\.)?(?P<name>[a-z0-9.-]+)")
# The deployment itself is older than all of its statuses.
FIRST = 0


def observations(received: Received, mapper: Mapper) -> Sequence[Observation]:
    """Return the deployment of an event, in the state that the event reports.

    A transient environment exists for its deployment only, and ends with it.
    """
    event = received.headers.get("x-github-event", "")
    if event not in ("deployment", "deployment_status"):
        raise NotOursError(f"{event or 'An event without X-GitHub-Event'} is not about deployments")
    body = received.body
    deployment, repository = body["deployment"], body["repository"]
    status = body["deployment_status"] if event == "deployment_status" else None
    state = STATES[status["state"]] if status else Status.PENDING
    names = mapper.names(_fields(body))
    report = NewDeployment.model_validate(
        {
            **names._asdict(),
            "commit": deployment["sha"],
            "status": state,
            "started_at": deployment["created_at"],
            "finished_at": status["created_at"] if status and state.terminal else None,
            "actor": line((deployment.get("creator") or {}).get("login"), ACTOR_LENGTH),
            "links": _links(status),
            "source": GITHUB.source,
            # A status may move a deployment, and the numbers are those of one host.
            "external_id": f"{_host(repository)}/{repository['id']}/{deployment['id']}"
            f"/{names.service}/{names.environment}",
        }
    )
    observed = ObservedDeployment(report, status["id"] if status else FIRST)
    at = report.finished_at or report.started_at or parse_time(deployment["created_at"])
    shown = _environment(ObservedEnvironment(names.environment, at), deployment, status)
    transient = deployment.get("transient_environment") is True
    if report.status is not Status.CANCELLED or not transient:
        return [observed, *shown]
    of_this = (GITHUB.source, str(report.external_id))
    ended = ObservedRemoval(names.service, names.environment, at, of_this)
    return [observed, *shown, ended]


def _environment(
    shown: ObservedEnvironment, deployment: dict[str, Any], status: dict[str, Any] | None
) -> Iterator[ObservedEnvironment]:
    """Yield the environment of a deployment, if the deployment says what it is for.

    What it says is about the environment that it was made for, not one that a status names.
    """
    names = (deployment.get("original_environment"), (status or {}).get("environment"))
    if all(name in (None, "", deployment.get("environment")) for name in names):
        production = deployment.get("production_environment") is True
        transient = deployment.get("transient_environment") is True
        if production or transient:
            yield shown._replace(production=production, transient=transient)


def delivery_id(received: Received) -> str | None:
    """Return the id of a delivery, which is the same when it is delivered again."""
    return received.headers.get("x-github-delivery")


def _host(repository: dict[str, Any]) -> str:
    """Return the host of a repository: a company may have several of its own."""
    found = HOST.match(str(repository.get("html_url") or repository.get("url") or ""))
    return found["name"] if found else "github.com"


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields for templates: the body, and `tag` if the ref looks like one.

    A payload may be an object in a text, as `gh api --raw-field payload=…` sends it.
    """
    deployment = body["deployment"]
    payload = deployment.get("payload")
    if isinstance(payload, str) and payload.startswith("{"):
        with suppress(ValueError, RecursionError):
            payload = strictjson.loads(payload)
    tag = tag_of(str(deployment.get("ref") or ""))
    return {**body, "deployment": {**deployment, "payload": payload}, "tag": tag}


def _links(status: dict[str, Any] | None) -> list[dict[str, str]]:
    status = status or {}
    return links({"log": status.get("log_url"), "deployed": status.get("environment_url")})


GITHUB = Adapter(
    source="github",
    headers=frozenset({"x-github-event", "x-github-delivery", "x-github-hook-id", "user-agent"}),
    rules=SourceRules(
        service="{repository.name}",
        environment="{deployment_status.environment|deployment.environment}",
        version="{deployment.payload.version|tag|deployment.sha}",
    ),
    delivery_id=delivery_id,
    observations=observations,
    signature="X-Hub-Signature-256",
    moves=True,
)
