"""A realistic history for an empty ledger; it depends only on the day."""

from __future__ import annotations

from api.demo.history import History, history
from api.demo.recording import record

__all__ = ["History", "history", "record"]
