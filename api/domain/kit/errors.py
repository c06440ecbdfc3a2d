"""Errors that any feature may raise and routes turn into 409 and 422."""

from __future__ import annotations

from collections.abc import Sequence


class InvalidValueError(ValueError):
    """A value is well-formed but not valid given what the ledger contains."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        # A JSON pointer into the request body (RFC 6901).
        self.pointer = pointer
        self.detail = detail


class ConflictError(Exception):
    """A report contradicts what the ledger contains; `field` names the value, if it is one."""

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class ContradictionError(ConflictError):
    """Reports of a batch contradict the ledger or each other; `faults` names each value."""

    def __init__(self, detail: str, faults: Sequence[InvalidValueError]) -> None:
        super().__init__(detail)
        self.faults = faults
