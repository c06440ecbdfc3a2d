"""What people do to a file by mistake: each edit takes its text and a place, and returns another.

It returns None where the place does not allow for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from yaml.nodes import Node, ScalarNode, SequenceNode

from gitops import nodes

Edit = Callable[[str, "Place"], str | None]


@dataclass(frozen=True)
class Place:
    """A field or an item of a list, with what holds it."""

    path: str  # of a document: its kind, and the path of the field
    key: Node | None
    value: Node
    holder: Node
    document: Node

    @property
    def start(self) -> int:
        """Where it begins in the text: at its key, or at the dash of an item."""
        return int((self.key or self.value).start_mark.index)


def misspell(text: str, place: Place) -> str | None:
    """Change the middle letter of a value: of a literal `KEY=value`, that of its key."""
    return written(text, place, letter(nodes.text(place.value).partition("=")[0]))


def misspell_last(text: str, place: Place) -> str | None:
    """Change a letter in the last word of a path."""
    value = nodes.text(place.value)
    head, _, last = value.rpartition("/" if "/" in value else ".")
    changed = letter(last)
    return written(text, place, value[: len(head) + (last != value)] + changed if changed else None)


def misspell_middle(text: str, place: Place) -> str | None:
    """Change a letter in the word before the last one of a path."""
    steps = nodes.text(place.value).split("/")
    changed = letter(steps[-2]) if len(steps) > 1 else None
    return written(text, place, "/".join([*steps[:-2], changed, steps[-1]])) if changed else None


def misspell_start(text: str, place: Place) -> str | None:
    """Change a letter in the name of an image, and none of its tag."""
    value = nodes.text(place.value)
    name = re.split("[=@:]", value)[0]
    changed = letter(name)
    return written(text, place, changed + value[len(name) :]) if changed else None


def misspell_key(text: str, place: Place) -> str | None:
    """Change the middle letter of a key."""
    key = place.key
    return None if key is None else replaced(text, key, letter(nodes.text(key)))


def letter(word: str) -> str | None:
    """Return a word with the next letter of the alphabet in its middle; None if it has none."""
    letters = [i for i, each in enumerate(word) if each.isascii() and each.isalpha()]
    if not letters:
        return None
    at = letters[len(letters) // 2]
    return (
        word[:at] + ({"z": "a", "Z": "A"}.get(word[at]) or chr(ord(word[at]) + 1)) + word[at + 1 :]
    )


def stale(text: str, place: Place) -> str | None:
    """Write a name of before instead of the value."""
    return written(text, place, f"legacy-{nodes.text(place.value)}")


def to(value: str) -> Edit:
    """Write this instead of a value."""
    return lambda text, place: written(text, place, value)


def unquoted(value: str) -> Edit:
    """Write this instead of a value and of its quotation marks."""
    return lambda text, place: spliced(text, place.value, value)


def other_port(text: str, place: Place) -> str | None:
    """Write another port: the next number, or a misspelt name."""
    value = nodes.text(place.value)
    return written(text, place, str(int(value) + 1)) if value.isdigit() else misspell(text, place)


def remove(text: str, place: Place) -> str | None:
    """Take an item of a list away, or the whole list if it is the only one."""
    holder = place.holder
    if not isinstance(holder, SequenceNode) or holder.flow_style:
        return None
    if len(holder.value) == 1:
        return text[: holder.start_mark.index] + "[]\n" + text[end(text, place) :]
    start = text.rindex("\n", 0, place.start) + 1
    return text[:start] + text[end(text, place) :]


def twice(text: str, place: Place) -> str | None:
    """Write an item of a list, or a field, a second time."""
    holder = place.holder
    if getattr(holder, "flow_style", False) or place.start == 0:
        return None
    start = text.rfind("\n", 0, place.start) + 1
    lines = text[start : end(text, place)]
    if not isinstance(holder, SequenceNode) and lines.lstrip().startswith("- "):
        lines = lines.replace("- ", "  ", 1)
    return text[: end(text, place)] + lines + text[end(text, place) :]


def dedent(text: str, place: Place) -> str | None:
    """Move a field two columns to the left."""
    start = text.rfind("\n", 0, place.start) + 1
    lines = text[start : end(text, place)].splitlines(keepends=True)
    if not all(line.startswith("  ") or not line.strip() for line in lines):
        return None
    moved = "".join(line[2:] if line.strip() else line for line in lines)
    return text[:start] + moved + text[end(text, place) :]


def written(text: str, place: Place, value: str | None) -> str | None:
    """Return a text with another value in a place; a literal keeps what it is set to."""
    if value is None or not isinstance(place.value, ScalarNode):
        return None
    old = nodes.text(place.value)
    return replaced(
        text, place.value, value + old[old.index("=") :] if "literals" in place.path else value
    )


def replaced(text: str, node: Node, value: str | None) -> str | None:
    """Return a text with another scalar; quotation marks are kept."""
    start = node.start_mark.index
    quote = text[start] if text[start] in "'\"" else ""
    return None if value is None else spliced(text, node, f"{quote}{value}{quote}")


def spliced(text: str, node: Node, value: str) -> str:
    """Return a text with this in the place of a node."""
    return text[: node.start_mark.index] + value + text[node.end_mark.index :]


def end(text: str, place: Place) -> int:
    """Return where the last line of a place ends."""
    stop = place.value.end_mark.index
    if not isinstance(place.value, ScalarNode):  # its mark is where the next one begins
        stop = len(text[:stop].rstrip())
    found = text.find("\n", stop)
    return len(text) if found < 0 else found + 1


def drop(text: str, place: Place) -> str | None:
    """Take a field away, on its own lines."""
    start = text.rfind("\n", 0, place.start) + 1
    line = text[start : end(text, place)]
    if getattr(place.holder, "flow_style", False):
        return None
    if line.lstrip().startswith("- "):  # what follows is the first of the item now
        return None
    return text[:start] + text[end(text, place) :]


def beside(field: str) -> Edit:
    """Write another field before one, in the same mapping."""

    def edit(text: str, place: Place) -> str | None:
        if place.key is None or getattr(place.holder, "flow_style", False):
            return None
        column = place.key.start_mark.column
        return f"{text[: place.start]}{field}\n{' ' * column}{text[place.start :]}"

    return edit


def inside(pattern: str) -> Edit:
    """Change the middle letter of what a group of a pattern matches first within a long value."""

    def edit(text: str, place: Place) -> str | None:
        start, stop = place.value.start_mark.index, place.value.end_mark.index
        found = re.compile(pattern, re.MULTILINE).search(text, start, stop)
        changed = letter(found[1]) if found else None
        if found is None or changed is None:
            return None
        return text[: found.start(1)] + changed + text[found.end(1) :]

    return edit


def emptied(_: str, place: Place) -> str | None:
    """Leave a file of one document with nothing in it."""
    return "" if place.start == 0 else None


def tabbed(text: str, place: Place) -> str | None:
    """Indent a line by a tab."""
    start = text.rfind("\n", 0, place.start) + 1
    return None if start == place.start else f"{text[:start]}\t{text[place.start :]}"
