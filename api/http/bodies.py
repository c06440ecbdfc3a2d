"""Bodies of responses that are made straight from what the ledger has stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from pydantic import BaseModel
from pydantic_core import to_json

NO_HEADERS: Mapping[str, str] = {}


def response(content: Any, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    """Return a response with `content` as JSON, byte for byte as its model would be written.

    It was validated when it was stored. To do so again, and to make a model and then a dictionary
    of it, takes three times as long. So it must have the fields of the model, in their order.
    """
    body = to_json(content)
    if not body.isascii():  # rare, and to look at each character takes as long again
        body = to_json(content, ensure_ascii=True)
    made = Response(body + b"\n", mimetype="application/json")
    made.headers.update(headers)
    return made


def fields_of(model: type[BaseModel], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values that are fields of a model, in its order."""
    return {name: found[name] for name in model.model_fields}
