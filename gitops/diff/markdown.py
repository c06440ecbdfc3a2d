"""A difference as a comment on a pull request: the whole summary, and as many objects as fit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from gitops.diff.lines import headline, of_object, sides_in_brief
from gitops.diff.objects import OverlayDiff
from gitops.diff.summary import Entry

LIMIT = 60_000  # characters; GitHub refuses a comment of more than 65,536
RESERVE = 2_000  # characters for saying what was cut
ENTRIES = 25  # lines of a group of the summary
NAMED = 10  # overlays that are named among those cut


@dataclass(frozen=True)
class Report:
    """What a comment is made of, in its order."""

    path: str  # of the overlays' folder in the repository: two folders have two comments
    base: str
    commit: str
    overlays: list[tuple[OverlayDiff, list[Entry]]]
    production: list[str]


def comment(report: Report) -> str:
    """Return the comment; its first line stays the same, for a bot to find it again."""
    head = [f"<!-- gitops diff {report.path} -->", ""]
    since = f"{code(report.base)} ({report.commit[:12]})"
    if not report.overlays:
        return "\n".join([*head, f"No overlay below {code(report.path)} differs from {since}.", ""])
    head += [f"### What changes below {code(report.path)} since {since}", ""]
    if report.production:
        names = codes(report.production[:NAMED])
        note = f"**This also changes prod** ({names}): a promotion changes one environment alone."
        head += [note, ""]
    left = LIMIT - RESERVE - len("\n".join(head))
    kept, cut = [], []
    for overlay, entries in report.overlays:
        text = "\n".join(section(overlay, entries))
        if len(text) + 1 <= left:
            kept.append((overlay, text))
            left -= len(text) + 1
        else:
            cut.append(f"overlay {code(overlay.name)}")
    parts = list(head)
    for overlay, text in kept:
        parts.append(text)
        shown, missing = details(overlay, left)
        left -= sum(len(each) + 1 for each in shown)
        parts += shown
        if missing:
            cut.append(f"{missing} of {len(overlay.objects)} objects of {code(overlay.name)}")
    if cut:
        rest = f" and more in {len(cut) - NAMED} other overlays" if len(cut) > NAMED else ""
        names = f"{', '.join(cut[:NAMED])}{rest}"
        parts += [f"**Cut**, to stay under {LIMIT:,} characters: {names}. `gitops diff` shows all."]
    return "\n".join(parts) + "\n"


def section(overlay: OverlayDiff, entries: list[Entry]) -> list[str]:
    """Return the heading and the summary of an overlay."""
    lines = [f"#### {code(overlay.name)}: {headline(overlay)}", ""]
    if overlay.error:
        return [*lines, *fenced(overlay.error.splitlines()), ""]
    for group, found in groupby(entries, key=lambda entry: entry.group):
        among = list(found)
        lines.append(f"- **{group}**")
        lines += [f"  - {line(entry)}" for entry in among[:ENTRIES]]
        if among[ENTRIES:]:
            lines.append(f"  - and {len(among) - ENTRIES} more")
    return [*lines, ""]


def details(overlay: OverlayDiff, left: int) -> tuple[list[str], int]:
    """Return as many objects of an overlay as fit into `left` characters, and how many do not."""
    around = ["<details><summary>Object by object</summary>", "", "</details>\n"]
    left -= sum(len(each) + 1 for each in around)
    found: list[str] = []
    for each in overlay.objects:
        block = "\n".join([f"{each.state} {code(each.title)}", "", *fenced(of_object(each)), ""])
        if len(block) + 1 <= left:
            found.append(block)
            left -= len(block) + 1
    missing = len(overlay.objects) - len(found)
    return ([*around[:2], *found, *around[2:]] if found else []), missing


def line(entry: Entry) -> str:
    """Return a line of the summary."""
    both = sides_in_brief(entry)
    return f"{code(entry.what)}: {code(both[0])} → {code(both[1])}" if both else code(entry.what)


def codes(names: Iterable[str]) -> str:
    """Return names as code."""
    return ", ".join(map(code, names))


def code(text: str) -> str:
    """Return a text as code, whatever it holds: nothing in it is a mention, a link or markup."""
    ticks = "`" * (longest_ticks(text) + 1)
    space = " " if "`" in text else ""
    return f"{ticks}{space}{' '.join(text.split())}{space}{ticks}"


def fenced(lines: list[str]) -> list[str]:
    """Return lines as a block of a difference that nothing in it can end."""
    ticks = "`" * max(3, longest_ticks("\n".join(lines)) + 1)
    return [f"{ticks}diff", *lines, ticks]


def longest_ticks(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)
