"""What the lines of one deployment must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.domain.deployments import settling
from api.domain.transfer.reading import LineError

IDENTITY = ("service", "environment", *settling.IDENTITY)


def check(known: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise LineError if two reports of one deployment contradict each other."""
    for name in IDENTITY:
        if new.get(name) is not None and known[name] not in (None, new[name]):
            raise LineError(
                f"The deployment {known['external_id']} of {known['source']} is known with another"
                f" {name}."
            )
