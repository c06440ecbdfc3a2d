"""Reasons: why something counts or not, as a code that stays the same and a sentence."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a deployment, a change or an incident counts for a metric, or does not."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Reason:
        """Return the code as a text that also knows its sentence."""
        reason = str.__new__(cls, code)
        reason._value_ = code
        reason.sentence = sentence
        return reason

    UNFINISHED = "unfinished", "It has not finished."
    CANCELLED = "cancelled", "It was cancelled."
    RESYNC = "resync", "It applied once more what ran there already."
    FAILED = "failed", "It failed, so nothing new runs."
    ROLLBACK = "rollback", "It is the answer to a failure."
    FINISHED_BEFORE_WINDOW = (
        "finished_before_window",
        "It finished before the window; only its recovery is in it.",
    )
    SUCCEEDED = "succeeded", "It succeeded."

    DELIVERED = "delivered_changes", "It was the first to bring changes."
    NOTHING_NEW = "nothing_new", "Whatever it contains was delivered before."
    CHANGES_UNKNOWN = "changes_unknown", "No change is known of its version."
    COMMITTED_AFTER = "committed_after_deployed", "Committed after it was deployed."
    BEFORE_FIRST = (
        "before_first_deployment",
        "Delivered before the first deployment known, at an unknown time.",
    )

    STATUS_FAILED = "status_failed", "It failed."
    INCIDENT = "incident", "It succeeded, and an incident is linked to it."
    ROLLED_BACK = "rolled_back", "It succeeded, and was what ran when a rollback began."
    NOT_FAILED = "not_failed", "It did not fail."

    RECOVERED = "recovered", "It failed, and the failure ended in the window."
    UNRECOVERED = "unrecovered", "It failed, and nothing has ended that yet."
    RECOVERED_AFTER_WINDOW = (
        "recovered_after_window",
        "It failed, and the failure ended after the window.",
    )
    RESOLVED_BEFORE_FINISH = (
        "resolved_before_finish",
        "Its incidents were resolved before it finished.",
    )
    INCIDENT_WITHOUT_DEPLOYMENT = (
        "incident_without_deployment",
        "No deployment is stated, and none finished in the 72 hours before.",
    )

    REWORK = "rework", "It is a rollback or a hotfix."
    PLANNED = "planned", "It is neither rollback nor hotfix."
