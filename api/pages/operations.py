"""The OpenAPI document as people read it: operations by subject. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPMethod, HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from api.pages import schemas
from api.pages.schemas import Field, Schemas

SAFE = {HTTPMethod.GET, HTTPMethod.HEAD}


@dataclass(frozen=True)
class Parameter:
    """A value in the path, the query or the headers of a request."""

    name: str
    place: str
    required: bool
    type: str
    description: str
    choices: Sequence[str]
    example: str

    @property
    def input(self) -> str:
        """Return the name of its field in a form."""
        return f"{self.place}.{self.name}"


@dataclass(frozen=True)
class Body:
    """What a request may have as its body, of one media type."""

    media_type: str
    fields: Sequence[Field]
    example: str


@dataclass(frozen=True)
class Answer:
    """A response that an operation may give."""

    status: HTTPStatus
    description: str
    fields: Sequence[Field]


@dataclass(frozen=True)
class Operation:
    """A method of a path: what it takes, what it answers and who may call it."""

    id: str
    subject: str
    method: str
    path: str
    summary: str
    description: str
    is_open: bool
    parameters: Sequence[Parameter]
    bodies: Sequence[Body]
    answers: Sequence[Answer]

    @property
    def changes(self) -> bool:
        """Return whether it may change the ledger."""
        return self.method not in SAFE and not self.path.endswith("/dry-run")


@dataclass(frozen=True)
class Call:
    """A request for an operation, as a form has filled it in."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None

    def curl(self, address: str, *, with_token: bool) -> str:
        """Return the command that sends it to the ledger at an address."""
        words = ["curl", "-i"] + ([] if self.method == HTTPMethod.GET else ["-X", self.method])
        words.append(shlex.quote(address + self.target))
        words += ['-H "Authorization: Bearer $TOKEN"'] if with_token else []
        words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self.headers.items()]
        words += [] if self.body is None else [f"-d {shlex.quote(self.body)}"]
        return " ".join(words)


def operations(document: Mapping[str, Any]) -> dict[str, Operation]:
    """Return the operations of an OpenAPI document by their ids, those of a subject together."""
    known: Schemas = document["components"]["schemas"]
    found = [
        _operation(path, method.upper(), described, known)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    subjects = list(dict.fromkeys(operation.subject for operation in found))
    found.sort(key=lambda operation: (subjects.index(operation.subject), operation.path))
    return {operation.id: operation for operation in found}


def call(operation: Operation, filled: Mapping[str, str]) -> Call:
    """Return the request of a form; a field that was left empty is not sent."""
    path, query, headers = operation.path, [], {}
    for parameter in operation.parameters:
        value = filled.get(parameter.input, "")
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(value, safe=""))
        elif value and parameter.place == "query":
            query.append((parameter.name, value))
        elif value:
            headers[parameter.name] = " ".join(value.split())
    target = path + (f"?{urlencode(query)}" if query else "")
    body = filled.get("body", "").replace("\r\n", "\n") or None
    if not operation.bodies or body is None:
        return Call(operation.method, target, headers)
    known = [body.media_type for body in operation.bodies]
    chosen = filled.get("media_type", "")
    headers["Content-Type"] = chosen if chosen in known else known[0]
    return Call(operation.method, target, headers, body)


def examples(operation: Operation) -> dict[str, str]:
    """Return what a form has in it at first: the path and the body of the examples."""
    needed = [parameter for parameter in operation.parameters if parameter.required]
    filled = {parameter.input: parameter.example for parameter in needed}
    return filled | ({"body": operation.bodies[0].example} if operation.bodies else {})


def _operation(path: str, method: str, described: Mapping[str, Any], known: Schemas) -> Operation:
    content = described.get("requestBody", {}).get("content", {})
    return Operation(
        id=described["operationId"],
        subject=described["tags"][0],
        method=method,
        path=path,
        summary=described["summary"],
        description=described.get("description", ""),
        is_open={} in described.get("security", [{}]),
        parameters=[_parameter(given, known) for given in described.get("parameters", ())],
        bodies=[
            Body(
                media_type,
                schemas.fields(media["schema"], known),
                json.dumps(schemas.example(media["schema"], known), indent=2),
            )
            for media_type, media in content.items()
        ],
        answers=sorted(_answers(described, known), key=lambda answer: answer.status),
    )


def _parameter(given: Mapping[str, Any], known: Schemas) -> Parameter:
    schema = given["schema"]
    return Parameter(
        name=given["name"],
        place=given["in"],
        required=given.get("required", False),
        type=schemas.type_of(schema, known),
        description=given.get("description") or schema.get("description", ""),
        choices=schemas.choices_of(schema, known),
        example=str(given.get("example") or schemas.example(schema, known)),
    )


def _answers(described: Mapping[str, Any], known: Schemas) -> Iterator[Answer]:
    for status, response in described["responses"].items():
        media: dict[str, Any] = next(iter(response.get("content", {}).values()), {})
        is_problem = int(status) >= HTTPStatus.BAD_REQUEST
        shown = [] if is_problem else schemas.fields(media.get("schema", {}), known)
        yield Answer(HTTPStatus(int(status)), response["description"], shown)
