"""Definitions of custom resources: large, and seldom what an override is about."""

from __future__ import annotations

import re
from collections.abc import Iterable

KIND = "CustomResourceDefinition"
KINDS = re.compile(r"^kind:\s*(\S+)", re.MULTILINE)
BREAK = re.compile(r"^(---.*\n)", re.MULTILINE)
# A schema, and what is indented below its key.
SCHEMA = re.compile(
    r"^( +)openAPIV3Schema:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n|\1[ \t].*(?:\n|\Z))*", re.MULTILINE
)
NO_SCHEMA = r"\1openAPIV3Schema: {type: object}\n"


def are_all(text: str) -> bool:
    """Tell whether all objects of a file are definitions."""
    return {*KINDS.findall(text)} == {KIND}


def without_schemas(text: str) -> str:
    """Return a file whose definitions say nothing of their fields."""
    return "".join(
        SCHEMA.sub(NO_SCHEMA, part) if are_all(part) else part for part in BREAK.split(text)
    )


def may_be_set(texts: Iterable[str]) -> bool:
    """Tell whether overrides may change something within a schema: one of them names it.

    Nothing of kustomize's own gets there, and what replaces a whole version of a definition changes
    the rest of that, too.
    """
    return any("schema" in text.lower() for text in texts)
