"""A difference as lines: `-` for the old, `+` for the new, a blank for context."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from gitops.diff.objects import ObjectDiff, OverlayDiff
from gitops.diff.summary import Entry, brief
from gitops.diff.values import ABSENT, Change, shown, written

CONTEXT = 2  # lines around a changed line of a long text
LONGEST = 200  # characters of a value in the summary


def of_object(each: ObjectDiff) -> list[str]:
    """Return the lines of an object: its changes, or all of it if it is added or removed."""
    if each.state == "changed":
        return [line for change in each.changes for line in of_change(change)]
    sign = "+" if each.state == "added" else "-"
    return [f"{sign} {line}" for line in written(each.object.data, flow=False).splitlines()]


def of_change(change: Change) -> Iterator[str]:
    """Yield the lines of a change; a text of several lines is compared line by line."""
    old, new = ("" if value is ABSENT else value for value in (change.old, change.new))
    if isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        yield f"  {change.path}:"
        lines = unified_diff(old.splitlines(), new.splitlines(), n=CONTEXT, lineterm="")
        yield from (f"{line[:1]}     {line[1:]}" for line in list(lines)[2:] if line[:1] != "@")
        return
    for sign, value in (("-", change.old), ("+", change.new)):
        if value is not ABSENT:
            yield f"{sign} {change.path}: {written(value)}"


def sides_in_brief(entry: Entry) -> tuple[str, str] | None:
    """Return the old and the new value of a summary's line, clipped; None if it has none."""
    if entry.old is ABSENT and entry.new is ABSENT:
        return None
    if entry.group == "image":
        return brief(entry.old, entry.new), brief(entry.new, entry.old)
    return clipped(entry.old), clipped(entry.new)


def clipped(value: object) -> str:
    """Return a value in one line that is not too long."""
    if isinstance(value, str) and "\n" in value:
        return f"a text of {len(value.splitlines())} lines"
    text = written(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def headline(overlay: OverlayDiff) -> str:
    """Return what happened to an overlay, in a few words."""
    if overlay.state == "unknown":
        return "does not render"
    count = f"{len(overlay.objects)} object{'s' * (len(overlay.objects) != 1)}"
    return count if overlay.state == "changed" else f"{overlay.state}, with {count}"


def document(overlay: OverlayDiff, entries: list[Entry]) -> dict[str, object]:
    """Return an overlay's difference for JSON; Secret values are hidden."""
    return {
        "overlay": overlay.name,
        "state": overlay.state,
        "error": overlay.error,
        "summary": [
            {"group": each.group, "what": each.what, **sides(each.old, each.new)}
            for each in entries
        ],
        "objects": [
            {
                "kind": each.object.kind,
                "namespace": each.object.namespace,
                "name": each.object.name,
                "state": each.state,
                "changes": [
                    {"path": change.path, **sides(change.old, change.new)}
                    for change in each.changes
                ],
            }
            for each in overlay.objects
        ],
    }


def sides(old: object, new: object) -> dict[str, object]:
    """Return the old and the new value, without one that is absent."""
    both = {"old": old, "new": new}
    return {side: shown(value) for side, value in both.items() if value is not ABSENT}
