"""Strict JSON: RFC 8259 without what parsers interpret differently.

jiter rejects the same and is faster, but its errors name a line and a column. Here they name the
member by a JSON pointer, as all other validation errors do.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

# Deep enough for every sender. Pydantic could not return values that are deeper than 255.
MAX_DEPTH = 100
# So many digits are no number that is too large for others.
SURELY_FINITE = 300
ESCAPED_SURROGATE = re.compile(r"\\u[dD][89A-Fa-f]")
SURROGATE = re.compile("[\ud800-\udfff]")
# The last step to a place, and the steps before it: a pointer to each place would copy a long name
# for everything below it.
type Steps = tuple[Steps, str] | None


class AmbiguousJsonError(ValueError):
    """JSON that parsers interpret differently; `pointer` is the place of the fault (RFC 6901)."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class _Duplicated(dict[str, Any]):
    """An object with a duplicated key."""

    key: str


def loads(text: str, max_depth: int = MAX_DEPTH) -> Any:
    """Parse a JSON text in time linear in its length.

    Raises ValueError (JSONDecodeError) if the text is not JSON, or has NaN, Infinity or a number
    that would become Infinity, AmbiguousJsonError for a duplicated key or a lone surrogate (RFC
    7493, section 2.1), and RecursionError for more than `max_depth` objects and lists in each
    other.
    """
    duplicated: list[_Duplicated] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        duplicated.append(_Duplicated(found))
        duplicated[-1].key = _first_duplicate(key for key, _ in pairs)
        return duplicated[-1]

    value = json.loads(
        text,
        object_pairs_hook=unique,
        parse_constant=_refuse_constant,
        parse_float=_finite,
        parse_int=_whole,
    )
    if text.count("{") + text.count("[") > max_depth and is_deeper(value, max_depth):
        raise RecursionError(f"nested more than {max_depth} deep")
    # The pointer of a fault is known only after everything has been parsed.
    if duplicated or ESCAPED_SURROGATE.search(text):
        fault = _first_fault(value, None)
        if fault is not None:
            raise fault
    return value


def is_deeper(value: Any, depth: int) -> bool:
    """Return whether objects and lists are nested more deeply than this."""
    level = [value]
    for _ in range(depth + 1):
        found = [part for part in level if isinstance(part, dict | list)]
        if not found:
            return False
        level = [
            member
            for part in found
            for member in (part.values() if isinstance(part, dict) else part)
        ]
    return True


def _first_duplicate(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("no key is duplicated")


def _first_fault(value: Any, steps: Steps) -> AmbiguousJsonError | None:
    if isinstance(value, _Duplicated):
        detail = f"the key {json.dumps(value.key[:100])} is duplicated"
        return AmbiguousJsonError(_pointer((steps, value.key)), detail)
    if isinstance(value, str) and SURROGATE.search(value):
        return AmbiguousJsonError(_pointer(steps), "half of a surrogate pair is not a character")
    members: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = ((str(index), item) for index, item in enumerate(value))
    for name, member in members:
        fault = _first_fault(name, steps) or _first_fault(member, (steps, name))
        if fault is not None:
            return fault
    return None


def _pointer(steps: Steps) -> str:
    found = []
    while steps is not None:
        steps, step = steps
        found.append("/" + step.replace("~", "~0").replace("/", "~1"))
    return "".join(reversed(found))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _whole(digits: str) -> int:
    if len(digits) > SURELY_FINITE:
        _finite(digits)
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number
