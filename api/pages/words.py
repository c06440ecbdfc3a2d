"""How templates write times, durations, hashes and links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from apiflask import APIFlask
from markupsafe import Markup, escape

from api.domain.kit.times import this_minute

UNITS = (("d", 86_400), ("h", 3600), ("min", 60))
NOTHING = "\N{EN DASH}"
# The instants that a link leads to.
AGO = {"an hour ago": timedelta(hours=1), "yesterday": timedelta(days=1)}
AGO["a week ago"] = timedelta(days=7)
SCHEMES = ("https://", "http://")
# What cannot be in a document (XML 1.0, section 2.2), however it is written.
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
CODE = re.compile("`([^`]+)`")
TIME = Markup('<time datetime="{}">{}</time>')


def init_app(app: APIFlask) -> None:
    """Make the filters known to templates."""
    for word in (
        age,
        clock,
        instant,
        minute,
        percentage,
        prose,
        short,
        span,
        timestamp,
        titled,
        web_link,
    ):
        app.add_template_filter(word)


def age(since: datetime, until: datetime | None = None) -> str:
    """Return how long something has lasted, in its largest unit."""
    seconds = int(((until or this_minute()) - since).total_seconds())
    for unit, length in UNITS:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "just now"


def span(duration: timedelta | float | None) -> str:
    """Return a duration in its two largest units, such as `3 d 4 h`; a number is in seconds."""
    if duration is None:
        return NOTHING
    left = int(duration.total_seconds() if isinstance(duration, timedelta) else duration)
    parts: list[tuple[int, str]] = []
    for unit, length in UNITS:
        count, left = divmod(left, length)
        parts.append((count, unit))
    parts = [*parts, (left, "s")]
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def clock(at: datetime) -> str:
    """Return an instant in UTC to the minute, as the browser's control for it does."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def instant(at: datetime | None) -> str:
    """Return the element of an instant in UTC, or a dash."""
    if at is None:
        return NOTHING
    return TIME.format(f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{minute(at)} UTC")


def minute(at: datetime) -> str:
    """Return an instant in UTC, for a place that says so."""
    return f"{at:%Y-%m-%d %H:%M}"


def days(instants: Sequence[datetime], until: datetime) -> list[str]:
    """Return the days of instants on an axis, with the year where it changes.

    The year is left out if all of the axis is in one year, `until` its end.
    """
    before = until.year if instants and instants[0].year == until.year else None
    words = []
    for at in instants:
        words.append(f"{at:%m-%d}" if at.year == before else f"{at:%Y-%m-%d}")
        before = at.year
    return words


def timestamp(at: datetime) -> str:
    """Return an instant as RFC 3339 writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def short(text: str) -> str:
    """Return the beginning of a hash, without its algorithm."""
    return text.removeprefix("sha256:")[:12]


def titled(text: str | None) -> str:
    """Return a title, or a word in its place if there is nothing in it that can be seen."""
    seen = text and any(character.isprintable() and character != " " for character in text)
    return text if text and seen else "Untitled"


def web_link(url: Any) -> str | None:
    """Return a URL that a page may link to: one of http or https; else None."""
    return url if isinstance(url, str) and url.lower().startswith(SCHEMES) else None


def percentage(ratio: Any) -> str:
    """Return a ratio with the counts it is made of, or a dash if the denominator is 0."""
    if ratio.ratio is None:
        return NOTHING
    return f"{ratio.ratio:.0%} ({ratio.numerator} of {ratio.denominator})"


def prose(text: str) -> Markup:
    """Return a description in Markdown as markup: its paragraphs, and `code` in them."""
    coded = CODE.sub(r"<code>\1</code>", str(escape(text)))
    paragraphs = (f"<p>{part.strip()}</p>" for part in coded.split("\n\n") if part.strip())
    return Markup("".join(paragraphs))  # noqa: S704 (escaped above)


def xml(document: str) -> str:
    """Return a document with a replacement character for each one that XML does not have."""
    return NO_XML.sub("\ufffd", document)
