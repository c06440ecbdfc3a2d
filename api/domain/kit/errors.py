"""Errors that any feature may raise and routes turn into 409 and 422."""

from __future__ import annotations


class InvalidValueError(ValueError):
    """A value is well-formed but not valid given what the ledger contains."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        # A JSON pointer into the request body (RFC 6901).
        self.pointer = pointer
        self.detail = detail


class ConflictError(Exception):
    """A report contradicts what the ledger contains."""
