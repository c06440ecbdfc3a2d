"""Reasons: why something counts for a metric or not, as a stable code and a sentence."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a deployment, a change or an incident counts for a metric or not."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Reason:
        """Create a member whose value is the code, with the sentence as an attribute."""
        reason = str.__new__(cls, code)
        reason._value_ = code
        reason.sentence = sentence
        return reason

    UNFINISHED = "unfinished", "It has not finished."
    CANCELLED = "cancelled", "It was cancelled."
    RESYNC = "resync", "It applied the running release again."
    FAILED = "failed", "It failed, so it delivered nothing."
    ROLLBACK = "rollback", "It is a rollback, that is, a response to a failure."
    FINISHED_BEFORE_WINDOW = (
        "finished_before_window",
        "It finished before the window; only its recovery is in the window.",
    )
    SUCCEEDED = "succeeded", "It succeeded."

    DELIVERED = "delivered_changes", "It was the first to deliver some changes."
    NOTHING_NEW = "nothing_new", "All its changes had been delivered before."
    CHANGES_UNKNOWN = "changes_unknown", "The changes of its version are not known."
    COMMITTED_AFTER = "committed_after_deployed", "It was committed after the deployment."
    BEFORE_FIRST = (
        "before_first_deployment",
        "It was delivered at an unknown time, before the first known deployment.",
    )

    STATUS_FAILED = "status_failed", "It failed."
    INCIDENT = "incident", "It succeeded, but an incident is attributed to it."
    ROLLED_BACK = "rolled_back", "It succeeded, but it was rolled back."
    NOT_FAILED = "not_failed", "It did not fail."

    RECOVERED = "recovered", "It failed, and the failure ended in the window."
    UNRECOVERED = "unrecovered", "It failed, and the failure has not ended yet."
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
        "No deployment was stated as its cause, and none finished in the 72 hours before.",
    )

    REWORK = "rework", "It is a rollback or a hotfix."
    PLANNED = "planned", "It is neither a rollback nor a hotfix."


BY_CODE = {reason.value: reason for reason in Reason}
