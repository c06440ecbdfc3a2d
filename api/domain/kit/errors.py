"""Errors that any feature raises and a route answers: 409 and 422."""

from __future__ import annotations


class InvalidValueError(ValueError):
    """A value is well-formed, and wrong for what the ledger knows."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        # A JSON pointer into what was sent (RFC 6901).
        self.pointer = pointer
        self.detail = detail


class ConflictError(Exception):
    """What is reported contradicts what the ledger has."""
