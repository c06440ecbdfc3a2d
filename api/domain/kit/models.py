"""The base of what the ledger is given: bodies, queries, files."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Incoming(BaseModel):
    """What somebody sends: unknown fields are refused, and errors do not quote what was sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
