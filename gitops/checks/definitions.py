"""Definitions of custom resources: large, and seldom what an override is about."""

from __future__ import annotations

import re

KIND = "CustomResourceDefinition"
KINDS = re.compile(r"^kind:\s*(\S+)", re.MULTILINE)
BREAK = re.compile(r"^(---.*\n)", re.MULTILINE)
# Its specification: what is indented below the key.
SPEC = re.compile(r"^spec:[ \t]*\n(?:(?:[ \t#].*)?\n)*(?:[ \t].*\Z)?", re.MULTILINE)


def are_all(text: str) -> bool:
    """Tell whether all objects of a file are definitions."""
    return {*KINDS.findall(text)} == {KIND}


def without_schemas(text: str) -> str:
    """Return a file with nothing left of its definitions but their metadata."""
    return "".join(
        SPEC.sub("", part) if are_all(part) and "spec:" in part else part
        for part in BREAK.split(text)
    )
