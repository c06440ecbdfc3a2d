"""The bases of the models: of what the ledger is given, and of what it tells."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A model whose validator is made when it is used first, and not with each import of it."""

    model_config = ConfigDict(defer_build=True)


class Incoming(Model):
    """What somebody sends: unknown fields are refused, and errors do not quote what was sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
