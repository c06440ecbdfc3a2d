"""Long lists in pages.

Of those that the database reads page by page, newest first, the link to what is older has the last
entry's position. Others are known as a whole, and a part of them is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any
from uuid import UUID

from flask import request
from pydantic import Field

from api.domain.kit import cursor as cursors
from api.domain.kit.cursor import Position
from api.http import paging

# As many environments as a table has columns for at once.
COLUMNS = 24
# Where a part begins, counted from zero.
Place = Annotated[int, Field(ge=0, le=1_000_000)]
Cursor = Annotated[str | None, Field(max_length=cursors.MAX_LENGTH)]


def position(cursor: str | None) -> Position | None:
    """Return the position in a cursor, a time and an id; None without one.

    Raises InvalidParameterError if the cursor belongs to another list.
    """
    return paging.position(cursor, request.path, (datetime, UUID))


def cut[Item](
    found: Sequence[Item], limit: int, position_of: Callable[[Item], Position]
) -> tuple[list[Item], str | None]:
    """Return the entries of a page, and the URL of what is older, if `found` has more of them."""
    items, _, older = paging.cut(found, limit, position_of, request.path)
    return items, older


@dataclass(frozen=True)
class Part[Item]:
    """A part of a list that is shown at once."""

    items: list[Item]
    # Which one is the first, counted from zero, and how many there are in all.
    begin: int
    total: int
    # Where the parts before and after it begin, if there are any.
    before: int | None
    after: int | None

    @property
    def is_all(self) -> bool:
        """Return whether nothing is left out."""
        return len(self.items) == self.total

    def urls(self, url: Callable[[str], str]) -> dict[str, str]:
        """Return the URLs of the parts before and after, by `rel`; `url` makes one of a place."""
        places = {"prev": self.before, "next": self.after}
        return {rel: url(str(place)) for rel, place in places.items() if place is not None}


def columns_of(
    environments: Iterable[Mapping[str, Any]], used: Collection[str], begin: int
) -> Part[str]:
    """Return the environments that are `used`, of which a table shows a part.

    They are in the order of promotion, and those that come and go are the last.
    """
    here = [row for row in environments if row["name"] in used]
    names = [row["name"] for row in sorted(here, key=itemgetter("transient"))]
    return part(names, begin, COLUMNS)


def part[Item](found: list[Item], begin: int, size: int) -> Part[Item]:
    """Return the part of a list that begins there, or the last one if it ends before."""
    total = len(found)
    if begin >= total:
        begin = max(0, total - 1) // size * size
    end = begin + size
    before = max(0, begin - size) if begin else None
    return Part(found[begin:end], begin, total, before, end if end < total else None)
