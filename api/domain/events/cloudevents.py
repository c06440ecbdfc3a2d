"""CloudEvents 1.0 over HTTP: an event in binary or structured mode, or a batch. Pure.

Events of every mode are converted to the JSON event format, in which they are stored. Sources:
cloudevents/spec v1.0.2, bindings/http-protocol-binding.md and formats/json-format.md.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter

from api.domain.kit import strictjson
from api.domain.kit.models import Model

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PREFIX = "ce-"
# The header by which an event in binary mode is known.
BINARY_MARK = "ce-specversion"
MAX_BATCH = 100
# What follows a quote that none closes is read once, too, and left as it is.
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)("?)')
ESCAPED = re.compile(r"\\(.)")


def _check_data(encoded: str) -> str:
    """Refuse data that cannot be decoded: secrets in it could not be redacted."""
    try:
        _decoded(encoded)
    except (ValueError, RecursionError) as error:
        raise ValueError("is not the base64 of JSON") from error
    return encoded


Attribute = Annotated[
    str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
]


class CloudEvent(Model):
    """An event in the JSON event format; extensions may be added."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    specversion: Literal["1.0"]
    id: Annotated[Attribute, Field(examples=["271069a8-fc18-44f1-b38f-9d70a1695819"])]
    source: Annotated[Attribute, Field(examples=["/ci/acme/checkout"])]
    type: Annotated[Attribute, Field(examples=["dev.cdevents.service.deployed.0.3.0"])]
    data: Annotated[Any, Field(examples=[{}], description="A CDEvent, say.")] = None
    data_base64: Annotated[
        Annotated[str, AfterValidator(_check_data)] | None,
        Field(examples=["e30="], description="JSON in base64, instead of `data`."),
    ] = None


class HeaderError(ValueError):
    """A header of an event in binary mode cannot be read."""

    def __init__(self, header: str, detail: str) -> None:
        super().__init__(f"{header} {detail}")
        self.header = header
        self.detail = detail


Events = list[dict[str, Any]]
_BATCH = TypeAdapter(Annotated[list[CloudEvent], Field(max_length=MAX_BATCH)])


def read(media_type: str, headers: Mapping[str, str], body: Any) -> Events:
    """Return the events of a request whose body is JSON, each in the JSON event format.

    An event in binary mode may have no data; `body` is then None. A batch is accepted as a whole or
    not at all. Raises HeaderError, and ValidationError whose locations are in the body, or in
    binary mode the names of attributes.
    """
    if media_type == BATCH:
        _BATCH.validate_python(body)
        return [_with_data(event) for event in body]
    event = body if media_type == STRUCTURED else _binary(headers, body)
    CloudEvent.model_validate(event)
    return [_with_data(event)]


def _binary(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """Return an event in binary mode; both data and its type are optional."""
    attributes = {
        name.lower().removeprefix(PREFIX): _header(name, value)
        for name, value in headers.items()
        if name.lower().startswith(PREFIX)
    }
    event = {**attributes, "datacontenttype": headers.get("Content-Type"), "data": data}
    return {name: value for name, value in event.items() if value is not None}


def _header(name: str, value: str) -> str:
    """Return the value of a header, unquoted and decoded once (section 3.1.3.2)."""
    plain = QUOTED.sub(lambda found: ESCAPED.sub(r"\1", found[1]) if found[2] else found[0], value)
    try:
        return unquote(plain.encode("ascii"), errors="strict")
    except UnicodeError as error:
        raise HeaderError(name, "is not printable ASCII with percent-encoded UTF-8") from error


def _with_data(event: dict[str, Any]) -> dict[str, Any]:
    encoded = event.get("data_base64")
    if encoded is None:
        return event
    plain = {name: value for name, value in event.items() if name != "data_base64"}
    return {**plain, "data": _decoded(encoded)}


def _decoded(encoded: str) -> Any:
    return strictjson.loads(base64.b64decode(encoded, validate=True).decode())
