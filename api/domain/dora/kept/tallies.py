"""Tallies what the metrics of each period are made of: sums over the kept rows."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from api.domain.dora.kept import scopes, sums
from api.domain.dora.kept.sums import PERIODS, Form
from api.domain.dora.loading.scope import Scope
from api.domain.dora.rules.figures import Spread, Tally
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import BY_CODE, Reason
from api.domain.kit.queries import Query

# By the name of the service, None for all together, and by the number of the period.
Tallies = Mapping[str | None, Mapping[int, Tally]]
# The same by the text of the service's id.
Found = dict[str | None, dict[int, Tally]]
Rows = Callable[[Query], Sequence[Any]]


@dataclass(frozen=True)
class Question:
    """What is counted: where, in which periods, and whether also for each service."""

    scope: Scope
    periods: Sequence[Window]
    by_service: bool


def tallies(connection: Connection, asked: Question) -> Tallies:
    """Return the tally of each period, for all services together and for each with any activity."""
    found: Found = defaultdict(lambda: defaultdict(Tally))
    form = Form(connection.dialect.name, asked.scope.one_service is not None, asked.by_service)
    values = _values(connection, asked)

    def rows(query: Query) -> Sequence[Any]:
        return query.tuples(connection, values)

    _count(form, rows, found)
    if asked.by_service:
        for of_service in [*found.values()]:
            for number, tally in of_service.items():
                found[None][number].add(tally)
    for service, number, _, spread in _spreads(form, asked, rows(sums.of_recoveries(form))):
        found[service][number].recoveries = spread
    for service, number, negative, spread in _spreads(form, asked, rows(sums.of_leads(form))):
        found[service][number].leads = spread
        found[service][number].changes_left_out[Reason.COMMITTED_AFTER] = negative
    names = asked.scope.services
    return {service and names[UUID(service)]: of_it for service, of_it in found.items()}


def _values(connection: Connection, asked: Question) -> dict[str, Any]:
    """Return the parameters of the statements."""
    periods = (
        {"number": number, "since": period.since, "until": period.until}
        for number, period in enumerate(asked.periods)
    )
    return {
        **asked.scope.values(Window(asked.periods[0].since, asked.periods[-1].until)),
        "periods": PERIODS.packed(connection.dialect, periods),
        "scope_id": scopes.of(asked.scope.environments),
    }


def _count(form: Form, rows: Rows, found: Found) -> None:
    """Count everything but the times."""
    for number, service, kind, status, count in rows(sums.of_deployments(form)):
        found[service][number].deployments[kind, status] += count
    for number, service, lost, count in rows(sums.of_failures(form)):
        tally = found[service][number]
        tally.failed += count
        if lost is not None:
            tally.recoveries_left_out[BY_CODE[lost]] += count
    for number, service, count in rows(sums.of_incidents(form)):
        found[service][number].recoveries_left_out[Reason.INCIDENT_WITHOUT_DEPLOYMENT] += count
    for number, service, new, known, earlier in rows(sums.of_deliveries(form)):
        tally = found[service][number]
        tally.new_versions += new
        tally.new_versions_known += known
        tally.changes_left_out[Reason.BEFORE_FIRST] += earlier


def _spreads(
    form: Form, asked: Question, rows: Sequence[Any]
) -> Iterator[tuple[str | None, int, int, Spread]]:
    """Yield the spread of some times and how many are negative, of all services and of each."""
    if form.dialect == "postgresql":
        for number, service, negative, *spread in rows:
            yield service, number, negative, Spread.rounded(*spread)
        return
    beginnings = [period.since for period in asked.periods]
    times: dict[tuple[str | None, int], list[float]] = defaultdict(list)
    for service, time, seconds in rows:
        for together in {None, service}:
            times[together, bisect(beginnings, time) - 1].append(seconds)
    for (service, number), of_it in times.items():
        counted = [seconds for seconds in of_it if seconds >= 0]
        yield service, number, len(of_it) - len(counted), Spread.of(counted)
