"""How a document lays out a JSON value: cut to what a reader needs, and in lines of some width."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 140


def cut(value: Any) -> Any:
    """Return what a document shows of a JSON value."""
    if isinstance(value, dict):
        return {name: cut(each) for name, each in value.items()}
    if isinstance(value, list):
        long = len(value) > 2 and isinstance(value[0], dict)
        return [cut(each) for each in (value[:1] if long else value)]
    return value


def fold(value: Any, indent: int = 0, taken: int = 0) -> str:
    """Return a JSON value in lines of some width, with as many members on each as there is room.

    It begins after an indentation and what its name takes.
    """
    line = dump(value)
    if indent + taken + len(line) < WIDTH or not isinstance(value, dict | list) or not value:
        return line
    if isinstance(value, dict):
        parts = [
            f"{dump(name)}: {fold(each, indent + 2, len(name) + 4)}" for name, each in value.items()
        ]
    else:
        parts = [fold(each, indent + 2) for each in value]
    lines = [parts[0]]
    for part in parts[1:]:
        both = f"{lines[-1]}, {part}"
        if "\n" in both or indent + 2 + len(both) >= WIDTH:
            lines[-1] += ","
            lines.append(part)
        else:
            lines[-1] = both
    begin, end = "{}" if isinstance(value, dict) else "[]"
    pad = "\n" + " " * (indent + 2)
    return f"{begin}{pad}{pad.join(lines)}\n{' ' * indent}{end}"


def dump(value: Any, separators: tuple[str, str] = (", ", ": ")) -> str:
    """Return a JSON value in one line."""
    return json.dumps(value, ensure_ascii=False, separators=separators)
