"""A believable history for an empty ledger: the same one for the same day."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.domain.deployments import NewDeployment
from api.domain.types import Kind, Status

DAYS = 90
ENVIRONMENTS = ("dev", "staging", "prod")


@dataclass(frozen=True)
class Team:
    """How a service's people work."""

    service: str
    releases_a_week: float
    # The share of production deployments that go wrong.
    failure_rate: float


TEAMS = (
    Team("catalog", 4, 0.08),
    Team("checkout", 6, 0.12),
    Team("identity", 2, 0.04),
    Team("notifications", 3, 0.10),
    Team("search", 5, 0.15),
    Team("web", 9, 0.06),
)


def history(now: datetime) -> list[NewDeployment]:
    """Return the deployments of the last 90 days, oldest first, none after `now`.

    Versions go from dev to staging to prod, hours apart and not always all the way; a failure in
    prod is followed by a rollback, and now and then by a hotfix.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    told = [deployment for team in TEAMS for deployment in _releases(team, midnight)]
    past = [new for new in told if new.finished_at is not None and new.finished_at <= now]
    return sorted(past, key=lambda new: (new.started_at, new.service))


def _releases(team: Team, midnight: datetime) -> list[NewDeployment]:
    chance = random.Random(f"slipway {team.service}")
    told: list[NewDeployment] = []
    minor, patch = chance.randrange(1, 9), 0
    running_in_prod: str | None = None
    for day in range(DAYS, -1, -1):
        morning = midnight - timedelta(days=day)
        if morning.weekday() >= 5 or chance.random() > team.releases_a_week / 5:
            continue
        minor, patch = (minor + 1, 0) if chance.random() < 0.3 else (minor, patch + 1)
        version = f"1.{minor}.{patch}"
        at = morning + timedelta(hours=9, minutes=chance.randrange(240))
        for environment in ENVIRONMENTS:
            failed = environment == "prod" and chance.random() < team.failure_rate
            told.append(_deployment(team, environment, version, at, chance, failed=failed))
            if environment == "prod":
                if failed and running_in_prod:
                    told += _recovery(team, running_in_prod, version, at, chance)
                elif not failed:
                    running_in_prod = version
            elif chance.random() < 0.15:
                break
            at += timedelta(hours=chance.randrange(1, 20), minutes=chance.randrange(60))
    return told


def _recovery(
    team: Team, good: str, bad: str, failed_at: datetime, chance: random.Random
) -> list[NewDeployment]:
    """Go back to the good version; mend the bad one the same evening, sometimes."""
    at = failed_at + timedelta(minutes=chance.randrange(8, 90))
    told = [_deployment(team, "prod", good, at, chance, kind=Kind.ROLLBACK)]
    if chance.random() < 0.5:
        at += timedelta(minutes=chance.randrange(60, 300))
        told.append(_deployment(team, "prod", f"{bad}+fix.1", at, chance, kind=Kind.HOTFIX))
    return told


def _deployment(
    team: Team,
    environment: str,
    version: str,
    started_at: datetime,
    chance: random.Random,
    *,
    failed: bool = False,
    kind: Kind = Kind.ROLLOUT,
) -> NewDeployment:
    # One version is one commit and one image, in whatever environment it runs.
    identity = hashlib.sha256(f"{team.service} {version}".encode()).hexdigest()
    return NewDeployment(
        service=team.service,
        environment=environment,
        version=version,
        image_digest=f"sha256:{identity}",
        commit=hashlib.sha256(identity.encode()).hexdigest()[:40],
        kind=kind,
        status=Status.FAILED if failed else Status.SUCCEEDED,
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=chance.randrange(35, 400)),
    )
