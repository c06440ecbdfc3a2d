"""The history of one team's service: commits, releases, failures and incidents up to now."""

from __future__ import annotations

import hashlib
import random
from datetime import datetime, timedelta
from typing import NamedTuple

from api.demo.teams import DEEDS, Team
from api.domain.changes.model import NewChange
from api.domain.declarations.model import Declaration
from api.domain.deployments.model import NewDeployment, Status
from api.domain.incidents.model import NewIncident
from api.domain.kit.types import Link

BOT = "ci"
# The share of bad releases whose deployment to production fails; the others cause an incident
# later.
FAILS_AT_ONCE = 0.4
# The share of releases whose deployment to dev or staging fails; they go no further.
STOPPED_EARLY = 0.08


class Outage(NamedTuple):
    """An incident, and the external id of the deployment stated as its cause, if any."""

    incident: NewIncident
    cause: str | None


class Story:
    """Generates the reports about one service; those after `now` are left out.

    The sequence of random numbers does not depend on `now`, so that a day always has the same
    history.
    """

    def __init__(self, team: Team, now: datetime) -> None:
        self.team = team
        self.now = now
        self.chance = random.Random(f"slipway {team.service}")
        self.changes: list[NewChange] = []
        self.deployments: list[NewDeployment] = []
        self.declarations: list[Declaration] = []
        self.outages: list[Outage] = []
        self._minor = self.chance.randrange(1, 9)
        self._runs = self._pages = 1000
        # The version to which a failure in production is rolled back.
        self._good: str | None = None
        self._tagged_at: datetime | None = None
        # When the running deployment of each environment ends: there is one at a time.
        self._busy: dict[str, datetime] = {}

    def release(self, at: datetime) -> None:
        """Release a version to dev, staging and prod, until it fails."""
        version = self._tag(at)
        for environment in ("dev", "staging"):
            failed = self.chance.random() < STOPPED_EARLY
            at = self._deploy(environment, version, at, BOT, failed=failed)
            if failed:
                return
            at = _at_work(at + self._minutes(60, 600))
        fate = self.chance.random() / self.team.failure_rate
        failed = fate < FAILS_AT_ONCE
        end = self._deploy("prod", version, at, self._person(), failed=failed)
        if failed:
            self._roll_back(end + self._minutes(8, 60))
        elif fate < 1:
            self._break(version, end)
        else:
            self._good = version

    def wait_in_staging(self, day: datetime, flaw: str) -> None:
        """Release a version with a flaw that is found in staging and not fixed yet.

        A fix is tried in dev by hand, so that git does not declare the release that runs there.
        """
        version = self._tag(day + timedelta(hours=9))
        at = self._deploy("dev", version, day + timedelta(hours=9, minutes=20), BOT)
        at = self._deploy("staging", version, at + timedelta(hours=2), BOT)
        self._report("staging", flaw, at + timedelta(hours=1), None)
        trial, at = version.removesuffix("0") + "1", at + timedelta(hours=3)
        self._commit(trial, [at - timedelta(minutes=30)], released_at=at)
        self._deploy("dev", trial, at, self._person(), by_hand=True)

    def fail_in_prod(self, day: datetime) -> None:
        """Release a version whose deployment to production fails, so that the one before stays."""
        version = self._tag(day + timedelta(hours=9))
        at = self._deploy("dev", version, day + timedelta(hours=9, minutes=20), BOT)
        at = self._deploy("staging", version, at + timedelta(hours=2), BOT)
        self._deploy("prod", version, at + timedelta(hours=3), self._person(), failed=True)

    def _break(self, version: str, end: datetime) -> None:
        """Report an incident after a successful deployment, and its rollback or hotfix."""
        detected_at = end + self._minutes(5, 120)
        stated = self.chance.random() < 0.5
        cause = self._external_id(self._runs) if stated else None
        if self._good and self.chance.random() < 0.5:
            fixed_at = self._roll_back(detected_at + self._minutes(10, 60))
        else:
            self._good = version.removesuffix("0") + "1"
            at = detected_at + self._minutes(40, 180)
            self._commit(self._good, [at - timedelta(minutes=20)], released_at=at)
            at = self._deploy("staging", self._good, at, BOT)
            fixed_at = self._deploy("prod", self._good, at + self._minutes(5, 15), self._person())
        symptom = self.chance.choice(self.team.symptoms)
        self._report("prod", symptom, detected_at, fixed_at + self._minutes(2, 8), cause)

    def _roll_back(self, at: datetime) -> datetime:
        return self._deploy("prod", self._good, at, self._person()) if self._good else at

    def _tag(self, at: datetime) -> str:
        """Return the next version, after committing changes since the previous one."""
        self._minor += 1
        version = f"1.{self._minor}.0"
        before = max(self._tagged_at or at - timedelta(days=3), at - timedelta(days=6))
        times = [before + (at - before) * self.chance.uniform(0.1, 0.95)]
        times += [
            before + (times[0] - before) * self.chance.uniform(0.05, 0.95)
            for _ in range(self.chance.randrange(4))
        ]
        self._commit(version, times, released_at=at)
        self._tagged_at = at
        return version

    def _commit(self, version: str, times: list[datetime], released_at: datetime) -> None:
        """Commit a change at each of these times; the first time is the latest."""
        for number, time in enumerate(times):
            deed, part = self.chance.choice(DEEDS), self.chance.choice(self.team.parts)
            author, committed_at = self._person(), time.replace(microsecond=0)
            if committed_at <= self.now:
                change = NewChange(
                    service=self.team.service,
                    commit=self._hash(f"{version} {number}")[:40],
                    committed_at=committed_at,
                    author=author,
                    title=f"{deed} {part}",
                    version=version if released_at <= self.now else None,
                )
                self.changes.append(change)

    def _deploy(
        self,
        environment: str,
        version: str,
        at: datetime,
        actor: str,
        *,
        failed: bool = False,
        by_hand: bool = False,
    ) -> datetime:
        """Deploy a version as soon as the environment is free; return when it finished."""
        at = max(at, self._busy.get(environment, at))
        end = at + timedelta(seconds=self.chance.randrange(35, 400))
        self._busy[environment] = end + timedelta(minutes=10)
        self._runs += 1
        if not by_hand:
            self._declare(environment, version, at - timedelta(minutes=1))
        if end <= self.now:
            url = f"https://ci.example.com/acme/{self.team.service}/runs/{self._runs}"
            new = NewDeployment(
                service=self.team.service,
                environment=environment,
                version=version,
                # One version is one commit and one image, in whatever environment it runs.
                image_digest=f"sha256:{self._hash(version)}",
                commit=self._hash(f"{version} 0")[:40],
                status=Status.FAILED if failed else Status.SUCCEEDED,
                started_at=at,
                finished_at=end,
                actor=actor,
                links=[Link(title="pipeline", url=url)],
                source="ci",
                external_id=self._external_id(self._runs),
            )
            self.deployments.append(new)
        return end

    def _declare(self, environment: str, version: str, at: datetime) -> None:
        if at <= self.now:
            declaration = Declaration(
                service=self.team.service,
                environment=environment,
                version=version,
                image_digest=f"sha256:{self._hash(version)}",
                config_revision=self._hash(f"{environment} {self._runs}")[:40],
                repository="https://git.example.com/acme/gitops",
                path="k8s",
                declared_at=at,
            )
            self.declarations.append(declaration)

    def _report(
        self,
        environment: str,
        title: str,
        detected_at: datetime,
        resolved_at: datetime | None,
        cause: str | None = None,
    ) -> None:
        self._pages += 1
        if detected_at <= self.now:
            incident = NewIncident(
                service=self.team.service,
                environment=environment,
                title=title,
                detected_at=detected_at,
                resolved_at=resolved_at if resolved_at and resolved_at <= self.now else None,
                links=[Link(title="page", url=f"https://pager.example.com/{self._pages}")],
                source="pager",
                external_id=self._external_id(self._pages),
            )
            self.outages.append(Outage(incident, cause))

    def _external_id(self, number: int) -> str:
        return f"{self.team.service}-{number}"

    def _hash(self, text: str) -> str:
        return hashlib.sha256(f"{self.team.service} {text}".encode()).hexdigest()

    def _minutes(self, least: int, most: int) -> timedelta:
        return timedelta(minutes=self.chance.randrange(least, most))

    def _person(self) -> str:
        return self.chance.choice(self.team.people)


def _at_work(at: datetime) -> datetime:
    """Return the time, moved to the next working hour if it is outside working hours."""
    if at.hour >= 17:
        at = at.replace(hour=9) + timedelta(days=1)
    at = at.replace(hour=max(at.hour, 9))
    while at.weekday() >= 5:
        at += timedelta(days=1)
    return at
