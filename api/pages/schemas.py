"""What the schemas of the OpenAPI document say, in words: fields, types and an example. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]

FORMATS = {"date-time": "time", "uuid": "UUID"}
# The words of a limit, by its keyword.
LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} entries",
}


@dataclass(frozen=True)
class Field:
    """A value in a body: its path, such as `items[].links[].url`, and what it may be."""

    path: str
    type: str
    required: bool
    description: str
    default: Any


def resolved(schema: Schema, schemas: Schemas) -> Schema:
    """Return a schema, or what it refers to with what it says itself."""
    if "$ref" not in schema:
        return schema
    name = str(schema["$ref"]).rpartition("/")[2]
    return {**schemas[name], **{key: value for key, value in schema.items() if key != "$ref"}}


def fields(schema: Schema, schemas: Schemas) -> list[Field]:
    """Return the fields of a body with those of the objects in it, in the order of the document."""
    return list(_fields(schema, schemas, "", ()))


def _fields(schema: Schema, schemas: Schemas, path: str, above: tuple[Any, ...]) -> Iterator[Field]:
    here = (*above, schema.get("$ref"))
    if here[-1] is not None and here[-1] in above:  # an object that contains its own kind
        return
    found = resolved(schema, schemas)
    for option in found.get("anyOf", ()):
        yield from _fields(option, schemas, path, here)
    if "items" in found:
        yield from _fields(found["items"], schemas, f"{path}[]", here)
    if isinstance(found.get("additionalProperties"), Mapping):
        yield from _fields(found["additionalProperties"], schemas, f"{path}.*".lstrip("."), here)
    for name, value in found.get("properties", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        described = resolved(value, schemas)
        yield Field(
            path=inner,
            type=type_of(value, schemas),
            required=name in found.get("required", ()),
            description=described.get("description", "") if "description" in value else "",
            default=described.get("default"),
        )
        yield from _fields(value, schemas, inner, here)


def type_of(schema: Schema, schemas: Schemas) -> str:
    """Return what a value may be, in words."""
    found = resolved(schema, schemas)
    if "anyOf" in found:
        return " or ".join(dict.fromkeys(type_of(option, schemas) for option in found["anyOf"]))
    if choices := choices_of(found, schemas):
        return "one of " + ", ".join(map(str, choices)) if len(choices) > 1 else str(choices[0])
    if found.get("type") == "array":
        return ", ".join(["list", *_limits(found)])
    words = FORMATS.get(found.get("format", "")) or str(found.get("type", "any JSON but null"))
    return ", ".join([words, *_limits(found)])


def _limits(schema: Schema) -> Iterator[str]:
    for keyword, words in LIMITS.items():
        if keyword in schema:
            yield words.format(schema[keyword])
    if "pattern" in schema:
        yield f"`{schema['pattern']}`"


def choices_of(schema: Schema, schemas: Schemas) -> list[Any]:
    """Return the values of which a value must be one; none if there are others."""
    found = resolved(schema, schemas)
    if "anyOf" in found:
        return [value for option in found["anyOf"] for value in choices_of(option, schemas)]
    return list(found.get("enum", [found["const"]] if "const" in found else []))


def example(schema: Schema, schemas: Schemas) -> Any:
    """Return an example of a value: the one that is given, else one of the required fields."""
    found = resolved(schema, schemas)
    given = [*found.get("examples", ()), *choices_of(found, schemas)]
    if given or "example" in found:
        return found.get("example", (given or [None])[0])
    if "anyOf" in found:
        return example(found["anyOf"][0], schemas)
    if "items" in found:
        return [example(found["items"], schemas)]
    if found.get("type") == "string":
        return ""
    known = found.get("properties", {})
    return {name: example(known[name], schemas) for name in found.get("required", ())}
