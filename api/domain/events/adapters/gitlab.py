"""GitLab: the webhook events `deployment` and `pipeline`.

Fields: gitlab-org/gitlab, lib/gitlab/data_builder/deployment.rb and pipeline.rb. Both are about
jobs that deploy: one job is one deployment, whichever of them is sent. A job that stops an
environment is the end of what runs there.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from api.domain.deployments.model import NewDeployment, Status
from api.domain.events import signatures
from api.domain.events.adapter import (
    Adapter,
    NotOursError,
    Observation,
    ObservedDeployment,
    ObservedEnvironment,
    ObservedRemoval,
    Received,
    UnmappedError,
)
from api.domain.events.links import links
from api.domain.events.mapper import LeftOutError, Mapper
from api.domain.events.rules import SourceRules
from api.domain.events.tags import REFERENCE, tag_of
from api.domain.events.texts import line
from api.domain.kit.times import parse_time
from api.domain.kit.types import ACTOR_LENGTH

STATES = {
    "running": Status.RUNNING,
    "success": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
}
START, STOP, PRODUCTION = "start", "stop", "production"
# More than a pipeline deploys, and few enough to be recorded in one transaction.
MAX_JOBS = 200
COMMIT = re.compile(r"https?://.*/commit/([0-9a-f]{40,64})")
# A time as Ruby prints it.
RUBY = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (?:UTC|([+-]\d\d)(\d\d))", re.ASCII)


class Job(NamedTuple):
    """A job that deploys to an environment or stops it; times are as GitLab writes them."""

    id: str
    state: str
    environment: str
    commit: str | None
    tag: str | None
    started_at: Any
    finished_at: Any
    links: dict[str, Any]
    tier: str | None
    action: str = START


def observations(received: Received, mapper: Mapper) -> Sequence[Observation]:
    """Return the deployment of each job in an event, or the end of what runs."""
    body = received.body
    kind = body.get("object_kind")
    if kind == "deployment":
        jobs = [_deployment(body)]
    elif kind == "pipeline":
        jobs = list(_pipeline(body))
    else:
        raise NotOursError(f"{kind or 'An event without object_kind'} is not about deployments")
    project = body["project"]
    path = str(project.get("path_with_namespace") or project["name"])
    shared = {**body, "project": {**project, "path": path.rpartition("/")[2]}}
    observed: list[Observation] = []
    left_out: LeftOutError | None = None
    for job in jobs:
        try:
            observed += _observed(job, shared, mapper)
        except LeftOutError as error:  # it says nothing of the other jobs
            left_out = error
    if not observed:
        raise left_out or NotOursError("Nothing was deployed yet.")
    return observed


def _deployment(body: dict[str, Any]) -> Job:
    """Return the job of a deployment; one that was made by GitLab's API has none."""
    job, at, url = body.get("deployable_id"), body["status_changed_at"], str(body.get("commit_url"))
    commit = COMMIT.fullmatch(url)
    return Job(
        id=f"jobs/{job}" if job else f"deployments/{body['deployment_id']}",
        state=body["status"],
        environment=body["environment"],
        commit=commit[1] if commit else body.get("short_sha"),
        tag=tag_of(str(body.get("ref") or "")),
        started_at=at,
        finished_at=at,
        links={"job": body.get("deployable_url"), "deployed": body.get("environment_external_url")},
        tier=body.get("environment_tier"),
    )


def _pipeline(body: dict[str, Any]) -> Iterator[Job]:
    """Yield the jobs of a pipeline that have an environment."""
    pipeline = body["object_attributes"]
    ref = str(pipeline["ref"])
    tag = tag_of(REFERENCE + ref if pipeline.get("tag") is True else ref)
    jobs = {job["id"]: job for job in body["builds"] if job.get("environment")}
    if len(jobs) > MAX_JOBS:
        raise UnmappedError(f"The pipeline has more than {MAX_JOBS} jobs with an environment.")
    for number, job in sorted(jobs.items()):
        yield Job(
            id=f"jobs/{number}",
            state=job["status"],
            environment=job["environment"]["name"],
            commit=pipeline["sha"],
            tag=tag,
            started_at=job["started_at"] or job["finished_at"],
            finished_at=job["finished_at"],
            links={"pipeline": pipeline.get("url")},
            tier=job["environment"].get("deployment_tier"),
            action=job["environment"].get("action") or START,
        )


def _observed(job: Job, body: dict[str, Any], mapper: Mapper) -> Iterator[Observation]:
    """Yield what a job means: nothing before it runs, nor if it neither deploys nor stops."""
    status, project = STATES.get(job.state), body["project"]
    fields = ChainMap[str, Any](job._asdict(), body)
    if status is None or job.action not in (START, STOP):
        return
    if job.action == STOP:
        if status is Status.SUCCEEDED:
            place = mapper.name("service", fields), mapper.name("environment", fields)
            yield ObservedRemoval(*place, parse_time(_time(job.finished_at)))
        return
    names = mapper.names(fields)
    host = urlsplit(str(project.get("web_url") or "")).hostname or "gitlab.com"
    report = {
        **names._asdict(),
        "commit": job.commit,
        "status": status,
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at) if status.terminal else None,
        "actor": line((body.get("user") or {}).get("username"), ACTOR_LENGTH),
        "links": links(job.links),
        "source": GITLAB.source,
        # The numbers are those of one host, and a project may be renamed.
        "external_id": f"{host}/{project['id']}/{job.id}/{names.service}/{names.environment}",
    }
    new = NewDeployment.model_validate(report)
    yield ObservedDeployment(new)
    if job.tier == PRODUCTION:
        at = parse_time(_time(job.finished_at or job.started_at))
        yield ObservedEnvironment(new.environment, at, production=True)


def _time(written: Any) -> Any:
    """Return a time in the format of RFC 3339, if it is one as Ruby prints it."""
    found = RUBY.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        return written
    day, time, hours, minutes = found.groups()
    return f"{day}T{time}{hours}:{minutes}" if hours else f"{day}T{time}Z"


GITLAB = Adapter(
    source="gitlab",
    headers=frozenset({"x-gitlab-event", "x-gitlab-instance", "user-agent"}),
    rules=SourceRules(
        service="{project.path}", environment="{environment}", version="{tag|commit}"
    ),
    # Whatever is sent again, by a retry or by hand, has the same body.
    delivery_id=lambda _: None,
    observations=observations,
    signature="X-Gitlab-Token",
    verify=signatures.is_secret,
)
