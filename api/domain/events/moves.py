"""Moves: a status of GitHub may move a deployment to another environment.

The deployment did not end in the environment that it left, unless a status says so, and no status
about it will come: it is cancelled there. It counts as ended at its start, so that whatever a late
event says of its end is later, and the order in which the events arrive does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Text, bindparam, select

from api.domain.deployments.model import Status
from api.domain.events.adapter import ObservedDeployment
from api.domain.events.interpret import Meaning
from api.domain.kit import sql
from api.domain.kit.queries import Query
from api.tables import environments, evidence


class Reported(NamedTuple):
    """The status of a deployment in an environment by an event, and the event's number."""

    sequence: int
    status: Status


Elsewhere = Mapping[str, Sequence[Reported]]
# What events report of a deployment in other environments than `here`, by its id for each of them.
THERE = bindparam("id", type_=Text) + environments.c.name
ELSEWHERE = Query(
    select(environments.c.name, evidence.c.sequence, evidence.c.said)
    .select_from(environments.join(evidence, evidence.c.external_id == THERE))
    .where(evidence.c.source == bindparam("source"), environments.c.name != bindparam("here"))
    .where(evidence.c.event_id.is_not(None))
)


def lock(connection: Connection, meaning: Meaning) -> None:
    """Lock the deployments of an event, in whatever environment, until the transaction ends."""
    for name in sorted(_name(observed) for observed in meaning.deployments):
        sql.lock_name(connection, name)


def placed(connection: Connection, meaning: Meaning) -> Meaning:
    """Return the meaning of an event, given in which environments others report its deployments."""
    deployments = [
        result
        for observed in meaning.deployments
        for result in _placed(observed, _elsewhere(connection, observed))
    ]
    return meaning._replace(deployments=deployments)


def _placed(observed: ObservedDeployment, elsewhere: Elsewhere) -> Iterator[ObservedDeployment]:
    """Yield the deployment of an event, and its end in each environment where it was before."""
    number = observed.sequence or 0
    gone = any(known.sequence > number for reports in elsewhere.values() for known in reports)
    yield _cancelled(observed) if gone and not observed.report.status.terminal else observed
    for environment, reports in elsewhere.items():
        left = all(known.sequence < number for known in reports)
        if left and not any(known.status.terminal for known in reports):
            report = observed.report.model_copy(
                update={
                    "environment": environment,
                    "external_id": f"{_name(observed)}/{environment}",
                    "links": [],
                }
            )
            yield _cancelled(ObservedDeployment(report, observed.sequence))


def _cancelled(observed: ObservedDeployment) -> ObservedDeployment:
    ended = {"status": Status.CANCELLED, "finished_at": observed.report.started_at}
    return observed._replace(report=observed.report.model_copy(update=ended))


def _elsewhere(connection: Connection, observed: ObservedDeployment) -> Elsewhere:
    """Return a deployment's reports by events in other environments, by one lookup each."""
    report = observed.report
    rows = ELSEWHERE.tuples(
        connection,
        {"id": f"{_name(observed)}/", "source": report.source, "here": report.environment},
    )
    found: dict[str, list[Reported]] = defaultdict(list)
    for environment, sequence, said in rows:
        found[environment].append(Reported(sequence or 0, Status(said["status"])))
    return found


def _name(observed: ObservedDeployment) -> str:
    """Return the external id of a deployment without the environment."""
    return str(observed.report.external_id).removesuffix(f"/{observed.report.environment}")
