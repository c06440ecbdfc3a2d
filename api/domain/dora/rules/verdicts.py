"""Verdicts: what a deployment adds to each metric, and why."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from api.domain.deployments.model import Kind, Status
from api.domain.dora.rules.failures import Attribution, Recovery
from api.domain.dora.rules.first_deliveries import FirstDelivery
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import Reason
from api.domain.dora.rules.records import Change, Deployment


class Part(StrEnum):
    """Whether a metric counts a deployment, excludes it, or does not concern it."""

    COUNTED = "counted"
    EXCLUDED = "excluded"
    UNCONCERNED = "unconcerned"


class Verdict(NamedTuple):
    """What a deployment adds to one metric's numerator and denominator, and why."""

    part: Part
    reason: Reason
    numerator: int = 0
    denominator: int = 0


class Verdicts(NamedTuple):
    """The verdict for each metric."""

    deployment_frequency: Verdict
    lead_time_for_changes: Verdict
    change_failure_rate: Verdict
    failed_deployment_recovery_time: Verdict
    rework_rate: Verdict


class Lead(NamedTuple):
    """A change and its lead time; negative if it was committed after the deployment."""

    change: Change
    seconds: float


def judge(
    deployment: Deployment,
    failure: Verdict,
    delivery: FirstDelivery | None,
    leads: Sequence[Lead],
    recovery: Recovery | None,
    window: Window,
) -> Verdicts:
    """Return the verdicts on a deployment in the window."""
    counted = frequency(deployment.kind, deployment.status)
    return Verdicts(
        counted,
        _lead_time(delivery, leads) if delivery else Verdict(Part.UNCONCERNED, counted.reason),
        failure,
        _recovery(failure, recovery, window),
        rework(deployment.kind, deployment.status),
    )


def recovery_alone() -> Verdicts:
    """Return the verdicts on a deployment that failed before the window and recovered in it."""
    before = Verdict(Part.UNCONCERNED, Reason.FINISHED_BEFORE_WINDOW)
    recovered = Verdict(Part.COUNTED, Reason.RECOVERED, numerator=1)
    return Verdicts(before, before, before, recovered, before)


@cache
def frequency(kind: Kind, status: Status) -> Verdict:
    """Return the verdict on whether a deployment is one of the successful ones."""
    if not status.terminal:
        return Verdict(Part.EXCLUDED, Reason.UNFINISHED)
    if status == Status.CANCELLED:
        return Verdict(Part.EXCLUDED, Reason.CANCELLED)
    if kind == Kind.RESYNC:
        return Verdict(Part.EXCLUDED, Reason.RESYNC)
    if status == Status.FAILED:
        return Verdict(Part.EXCLUDED, Reason.FAILED)
    return Verdict(Part.COUNTED, Reason.SUCCEEDED, numerator=1)


def _lead_time(delivery: FirstDelivery, leads: Sequence[Lead]) -> Verdict:
    counted = sum(lead.seconds >= 0 for lead in leads)
    if counted:
        return Verdict(Part.COUNTED, Reason.DELIVERED, numerator=counted)
    if leads:
        return Verdict(Part.EXCLUDED, Reason.COMMITTED_AFTER)
    if delivery.earlier_changes:
        return Verdict(Part.EXCLUDED, Reason.BEFORE_FIRST)
    unknown = delivery.new_version and not delivery.changes_known
    return Verdict(Part.UNCONCERNED, Reason.CHANGES_UNKNOWN if unknown else Reason.NOTHING_NEW)


def change_failure(
    deployment: Deployment, attributions: Sequence[Attribution], rollback: Deployment | None
) -> Verdict:
    """Return the verdict on whether a deployment failed; the numerator is 1 if it did."""
    reason = Reason.ROLLED_BACK if rollback else None
    if deployment.status == Status.FAILED:
        reason = Reason.STATUS_FAILED
    elif attributions:
        reason = Reason.INCIDENT
    return failed(deployment.kind, deployment.status, reason)


@cache
def failed(kind: Kind, status: Status, reason: Reason | None) -> Verdict:
    """Return the verdict on whether a deployment failed, for a reason; None if there is none."""
    if kind == Kind.RESYNC or status not in (Status.SUCCEEDED, Status.FAILED):
        return Verdict(Part.EXCLUDED, frequency(kind, status).reason)
    if kind == Kind.ROLLBACK:
        return Verdict(Part.EXCLUDED, Reason.ROLLBACK)
    if reason is None:
        return Verdict(Part.COUNTED, Reason.NOT_FAILED, 0, 1)
    return Verdict(Part.COUNTED, reason, 1, 1)


def _recovery(failure: Verdict, recovery: Recovery | None, window: Window) -> Verdict:
    if not failure.numerator:
        return Verdict(Part.UNCONCERNED, failure.reason)
    if recovery is None:
        return Verdict(Part.EXCLUDED, Reason.UNRECOVERED)
    if recovery.seconds < 0:
        return Verdict(Part.EXCLUDED, Reason.RESOLVED_BEFORE_FINISH)
    if recovery.at >= window.until:
        return Verdict(Part.EXCLUDED, Reason.RECOVERED_AFTER_WINDOW)
    return Verdict(Part.COUNTED, Reason.RECOVERED, numerator=1)


@cache
def rework(kind: Kind, status: Status) -> Verdict:
    """Return the verdict on whether a success is a response to a failure."""
    counted = frequency(kind, status)
    if counted.part != Part.COUNTED:
        return counted
    if kind in (Kind.ROLLBACK, Kind.HOTFIX):
        return Verdict(Part.COUNTED, Reason.REWORK, 1, 1)
    return Verdict(Part.COUNTED, Reason.PLANNED, 0, 1)
