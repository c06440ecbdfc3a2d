"""The demo history as reports: what each team shipped, what broke, and how it was mended."""

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
# A team with a release that waits in staging has made no other for so long.
STANDSTILL_DAYS = 7


@dataclass
class History:
    """What there is to report, each list by time."""

    services: Mapping[str, ServiceDescription]
    changes: list[NewChange] = field(default_factory=list)
    deployments: list[NewDeployment] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)


def history(now: datetime) -> History:
    """Return the history of the last 90 days; nothing in it is after `now`.

    Versions go from dev to staging to prod, at work hours and not always all the way. Of those
    that go wrong in prod, some are noticed at once and rolled back, others make an incident that
    ends with a rollback or a hotfix. One waits in staging, where an incident is open. Git
    declares each a minute before it is deployed, but for a trial in dev.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    told = History({team.service: team.description for team in TEAMS})
    for team in TEAMS:
        story = Story(team, now)
        last_day = STANDSTILL_DAYS if team.flaw else 0
        for day in range(DAYS, last_day - 1, -1):
            morning = midnight - timedelta(days=day)
            if morning.weekday() < 5 and story.chance.random() < team.releases_a_week / 5:
                story.release(morning + timedelta(hours=9, minutes=story.chance.randrange(240)))
        if team.flaw:
            story.wait_in_staging(_workday_before(midnight), team.flaw)
        told.changes += story.changes
        told.deployments += story.deployments
        told.outages += story.outages
        told.declarations += story.declarations
    told.changes.sort(key=lambda new: (new.committed_at, new.commit))
    told.deployments.sort(key=lambda new: (str(new.started_at), new.service))
    told.outages.sort(key=lambda each: (str(each.incident.detected_at), each.incident.service))
    told.declarations.sort(key=lambda declaration: (declaration.declared_at, declaration.service))
    return told


def _workday_before(midnight: datetime) -> datetime:
    day = midnight - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day
