"""How the API's description says which headers a request may have."""

from __future__ import annotations

from typing import Any


def header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """Return the description of an optional header of a request."""
    parameter = {"name": name, "in": "header", "required": False, "description": description}
    return {**parameter, "schema": {"type": "string", **schema}}
