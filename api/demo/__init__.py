"""A believable history for an empty ledger: the same one for the same day."""

from __future__ import annotations

from api.demo.history import History, history
from api.demo.recording import record

__all__ = ["History", "history", "record"]
