"""JSON as RFC 8259 has it, and nothing that readers understand differently."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

SURROGATE = re.compile(r"\\u[dD][89A-Fa-f]")


class AmbiguousJsonError(ValueError):
    """A text is JSON that readers understand differently; `pointer` says where (RFC 6901)."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class _Twice(dict[str, Any]):
    """An object that has the same key twice."""

    key: str


def loads(text: str) -> Any:
    """Return what a JSON text says.

    Raises ValueError (JSONDecodeError) for what is not JSON and for NaN and Infinity, which are no
    numbers; AmbiguousJsonError for an object with the same key twice, and for half of a surrogate
    pair, which is no character (RFC 7493, section 2.1); RecursionError for what is nested too
    deeply.
    """
    twice: list[_Twice] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        keys = [key for key, _ in pairs]
        twice.append(_Twice(found))
        twice[-1].key = next(key for key in keys if keys.count(key) > 1)
        return twice[-1]

    value = json.loads(text, object_pairs_hook=unique, parse_constant=_refuse_constant)
    # Where they are is known only when all has been read.
    if twice or SURROGATE.search(text):
        for fault in _faults(value, ""):
            raise fault
    return value


def _faults(value: Any, pointer: str) -> Iterator[AmbiguousJsonError]:
    if isinstance(value, _Twice):
        detail = f"the key {json.dumps(value.key[:100])} is there twice"
        yield AmbiguousJsonError(_below(pointer, value.key), detail)
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _faults(key, pointer)
            yield from _faults(each, _below(pointer, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _faults(each, _below(pointer, str(index)))
    elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield AmbiguousJsonError(pointer, "half of a surrogate pair is no character")


def _below(pointer: str, step: str) -> str:
    return f"{pointer}/{step.replace('~', '~0').replace('/', '~1')}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
