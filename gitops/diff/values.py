"""Two values compared: the smallest parts that differ, each with its path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from hashlib import sha256
from typing import Any, Final

from gitops import nodes


class Absent:
    """The absence of a value, which is not null."""

    def __repr__(self) -> str:
        return "none"


@dataclass(frozen=True)
class Hidden:
    """A value that is compared and never shown."""

    digest: str

    @classmethod
    def of(cls, value: object) -> Hidden:
        """Hide a value."""
        return cls(sha256(repr(value).encode()).hexdigest())


ABSENT: Final = Absent()
HIDDEN: Final = "(hidden)"
# The keys that may identify the items of a list, in the order of preference.
KEYS = ("name", "mountPath", "containerPort", "port", "host", "path", "key", "type")

Steps = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A part that differs; an item of a list is a step in brackets."""

    steps: Steps
    old: Any
    new: Any

    @property
    def path(self) -> str:
        """The path in dotted notation."""
        return spelled(self.steps)


def compare(old: Any, new: Any, steps: Steps = ()) -> Iterator[Change]:
    """Yield the parts in which two values differ."""
    if repr(old) == repr(new):  # == takes 1 and true for the same
        return
    was, now = ({} if value is ABSENT else value for value in (old, new))
    if isinstance(was, dict) and isinstance(now, dict) and (was or now):
        for key in {**was, **now}:
            yield from compare(was.get(key, ABSENT), now.get(key, ABSENT), (*steps, str(key)))
        return
    was, now = ([] if value is ABSENT else value for value in (old, new))
    if is_of_mappings(was) and is_of_mappings(now) and (was or now):
        yield from compare_items(was, now, steps)
    else:
        yield Change(steps, old, new)


def compare_items(old: list[Any], new: list[Any], steps: Steps) -> Iterator[Change]:
    """Yield the parts in which two lists of mappings differ, item by item."""
    key = next((key for key in KEYS if tells_apart(key, old) and tells_apart(key, new)), None)
    # The only item is the same one, with another port or host.
    if key is None or (key != "name" and len(old) == len(new) == 1):
        yield from compare_in_order(old, new, steps)
        return
    was, now = ({str(item[key]): item for item in items} for items in (old, new))
    for name in {**was, **now}:
        sides = (was.get(name, ABSENT), now.get(name, ABSENT))
        if steps[-1:] == ("env",) and ABSENT in sides:
            # A variable that is new or gone is one fact, however it gets its value.
            yield Change((*steps, f"[{name}]"), *map(of_variable, sides))
        else:
            yield from compare(*sides, (*steps, f"[{name}]"))
    before, after = ([name for name in names if name in was.keys() & now] for names in (was, now))
    if before != after:
        yield Change((*steps, "(order)"), before, after)


def of_variable(item: Any) -> Any:
    """Return the value of an environment variable, or where it is from."""
    if item is ABSENT:
        return ABSENT
    return item.get("value", item.get("valueFrom", ""))


def compare_in_order(old: list[Any], new: list[Any], steps: Steps) -> Iterator[Change]:
    """Yield the parts in which two lists differ whose items have no names."""
    was, now = ([written(item) for item in items] for items in (old, new))
    for tag, i, i_end, j, j_end in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for n in range(max(i_end - i, j_end - j)):
            before = old[i + n] if i + n < i_end else ABSENT
            after = new[j + n] if j + n < j_end else ABSENT
            number = j + n if before is ABSENT else i + n
            yield from compare(before, after, (*steps, f"[{number}]"))


def is_of_mappings(value: Any) -> bool:
    """Tell whether a value is a list of mappings, or an empty one."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def tells_apart(key: str, items: list[dict[str, Any]]) -> bool:
    """Tell whether a key identifies the items of a list."""
    values = [item.get(key) for item in items]
    scalars = all(isinstance(value, str | int) for value in values)
    return scalars and max(Counter(map(str, values)).values(), default=0) <= 1


def spelled(steps: Steps) -> str:
    """Return a path in dotted notation, with list items in brackets."""
    text = ""
    for step in steps:
        if step.startswith("["):
            text += step
        elif "." in step or "/" in step:
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def shown(value: Any) -> Any:
    """Return a value with hidden ones replaced."""
    if isinstance(value, Hidden):
        return HIDDEN
    if isinstance(value, dict):
        return {key: shown(each) for key, each in value.items()}
    return [shown(each) for each in value] if isinstance(value, list) else value


def written(value: Any, *, flow: bool = True) -> str:
    """Return a value as YAML: in one line, or as a block."""
    if value is ABSENT:
        return "none"
    if isinstance(value, Hidden):
        return HIDDEN
    return nodes.written(shown(value), flow=flow)
