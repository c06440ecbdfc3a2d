"""Strict JSON: RFC 8259 without what parsers interpret differently.

jiter rejects the same and is faster, but its errors name a line and a column. Here they name the
member by a JSON pointer, as all other validation errors do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

SURROGATE = re.compile(r"\\u[dD][89A-Fa-f]")


class AmbiguousJsonError(ValueError):
    """JSON that parsers interpret differently; `pointer` is the place of the fault (RFC 6901)."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class _Duplicated(dict[str, Any]):
    """An object with a duplicated key."""

    key: str


def loads(text: str) -> Any:
    """Parse a JSON text in time linear in its length.

    Raises ValueError (JSONDecodeError) if the text is not JSON or has NaN or Infinity,
    AmbiguousJsonError for a duplicated key or a lone surrogate (RFC 7493, section 2.1), and
    RecursionError if the nesting is too deep.
    """
    duplicated: list[_Duplicated] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        duplicated.append(_Duplicated(found))
        duplicated[-1].key = _first_duplicate(key for key, _ in pairs)
        return duplicated[-1]

    value = json.loads(text, object_pairs_hook=unique, parse_constant=_refuse_constant)
    # The pointer of a fault is known only after everything has been parsed.
    if duplicated or SURROGATE.search(text):
        for fault in _faults(value, ""):
            raise fault
    return value


def _first_duplicate(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("no key is duplicated")


def _faults(value: Any, pointer: str) -> Iterator[AmbiguousJsonError]:
    if isinstance(value, _Duplicated):
        detail = f"the key {json.dumps(value.key[:100])} is duplicated"
        yield AmbiguousJsonError(_below(pointer, value.key), detail)
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _faults(key, pointer)
            yield from _faults(member, _below(pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, _below(pointer, str(index)))
    elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield AmbiguousJsonError(pointer, "half of a surrogate pair is not a character")


def _below(pointer: str, step: str) -> str:
    return f"{pointer}/{step.replace('~', '~0').replace('/', '~1')}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
