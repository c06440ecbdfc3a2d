"""Release notes in Markdown: what came to an environment, to be pasted elsewhere. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from api.pages.words import minute, titled

# What Markdown, HTML or TeX would read as more than text, anywhere or at the beginning of a line.
SPECIAL = re.compile(r"[\\`*_\[\]<>#&|~!+=$]|^-|(?<=\d)[.)](?= |$)")
# What mentions somebody, however Markdown escapes it: GitHub looks for it in the text that is left.
MENTION = "@"
# What nobody sees, and no name begins with.
ZERO_WIDTH_SPACE = "\u200b"
# What turns around the direction of what follows.
DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")


def markdown(environment: str, arrivals: Sequence[Mapping[str, Any]]) -> str:
    """Return what came to an environment as a document in Markdown."""
    return "\n".join(_lines(environment, arrivals))


def plain(text: str) -> str:
    """Return a text in one line, so that Markdown shows it as it is and nothing after it turns.

    It mentions nobody: whose name is in it is not told of the notes.
    """
    escaped = SPECIAL.sub(r"\\\g<0>", " ".join(DIRECTION.sub("", text).split()))
    return escaped.replace(MENTION, MENTION + ZERO_WIDTH_SPACE)


def _lines(environment: str, arrivals: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"# Releases in {plain(environment)}"
    for arrival in arrivals:
        yield ""
        yield f"## {plain(arrival['service'])} {plain(arrival['version'])}"
        yield ""
        yield f"{' '.join(_circumstances(arrival))}."
        if arrival["changes"]:
            yield ""
            yield from _listed(arrival["changes"], arrival["change_count"])


def _circumstances(arrival: Mapping[str, Any]) -> Iterator[str]:
    yield f"{arrival['kind'].capitalize()} on {minute(arrival['finished_at'])} UTC"
    if arrival["actor"]:
        yield f"by {plain(arrival['actor'])}"
    if arrival["replaced"]:
        yield f"instead of {plain(arrival['replaced'])}"


def _listed(changes: Iterable[Mapping[str, Any]], count: int) -> Iterator[str]:
    number = 0
    for number, change in enumerate(changes, start=1):  # noqa: B007 (counted)
        author = f"{plain(change['author'])}, " if change["author"] else ""
        yield f"- {plain(titled(change['title']))} ({author}{change['commit'][:12]})"
    if count > number:
        yield f"- and {count - number} more"
