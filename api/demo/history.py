"""The demo history as reports: releases, incidents and fixes of several teams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.demo.story import Outage, Story
from api.demo.teams import TEAMS
from api.domain.catalog import ServiceDescription
from api.domain.changes.model import NewChange
from api.domain.declarations.model import Declaration
from api.domain.deployments.model import NewDeployment

DAYS = 90
# A team with a release that is stuck has made no other one for this long.
STANDSTILL_DAYS = 7


@dataclass
class History:
    """The reports that make up a history, each list sorted by time."""

    services: Mapping[str, ServiceDescription]
    changes: list[NewChange] = field(default_factory=list)
    deployments: list[NewDeployment] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)


def history(now: datetime) -> History:
    """Generate the history of the 90 days before `now`.

    Versions move from dev to staging to prod during working hours; some are stopped early. Of those
    that go wrong in prod, some fail at once and are rolled back, others cause an incident that ends
    with a rollback or a hotfix. One release waits in staging, where an incident is open, and one
    has failed in prod since. Git declares every release a minute before it is deployed, except for
    a trial in dev.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    reports = History({team.service: team.description for team in TEAMS})
    for team in TEAMS:
        story = Story(team, now)
        last_day = STANDSTILL_DAYS if team.flaw or team.stuck else 0
        for day in range(DAYS, last_day - 1, -1):
            morning = midnight - timedelta(days=day)
            if morning.weekday() < 5 and story.chance.random() < team.releases_a_week / 5:
                story.release(morning + timedelta(hours=9, minutes=story.chance.randrange(240)))
        if team.flaw:
            story.wait_in_staging(_workday_before(midnight), team.flaw)
        if team.stuck:
            story.fail_in_prod(_workday_before(midnight))
        reports.changes += story.changes
        reports.deployments += story.deployments
        reports.outages += story.outages
        reports.declarations += story.declarations
    reports.changes.sort(key=lambda new: (new.committed_at, new.commit))
    reports.deployments.sort(key=lambda new: (str(new.started_at), new.service))
    reports.outages.sort(
        key=lambda outage: (str(outage.incident.detected_at), outage.incident.service)
    )
    reports.declarations.sort(
        key=lambda declaration: (declaration.declared_at, declaration.service)
    )
    return reports


def _workday_before(midnight: datetime) -> datetime:
    day = midnight - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day
