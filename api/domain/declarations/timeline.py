"""What is declared of one service in one environment, and since when: pure functions.

Each report asserts, for its instant, all that its folder declares; a release with a time of its own
is also declared from then on. In the order of these times, what differs from what was declared
before it is a new declaration. So the order in which reports arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

Folder = tuple[str, str]


class Report(NamedTuple):
    """The instant at which a folder stated all that it declares, and the revision it was at."""

    declared_at: datetime
    config_revision: str
    repository: str
    path: str

    @property
    def folder(self) -> Folder:
        """The declaring folder: a repository and a path in it."""
        return self.repository, self.path


class Stated(NamedTuple):
    """What a report states of a service; without version and digest, it leaves the service out.

    `config_revision` and `declared_at` are None unless stated for this service alone.
    """

    version: str | None = None
    image_digest: str | None = None
    config_revision: str | None = None
    declared_at: datetime | None = None

    @property
    def release(self) -> tuple[str | None, str | None]:
        """The version and the digest."""
        return self.version, self.image_digest

    @property
    def left_out(self) -> bool:
        """Whether the folder does not declare the service."""
        return self.release == (None, None)


LEFT_OUT = Stated()
# What each folder's reports state of a service, in their order; not what the one before it stated.
Statements = Mapping[Folder, Sequence[tuple[Report, Stated]]]


class Declared(NamedTuple):
    """A declaration of a service; without version and digest, a withdrawal.

    `reported_at` is None if no report is known that it follows from.
    """

    version: str | None
    image_digest: str | None
    config_revision: str
    repository: str
    path: str
    declared_at: datetime
    reported_at: datetime | None = None

    @property
    def release(self) -> tuple[str | None, str | None]:
        """The version and the digest."""
        return self.version, self.image_digest

    @property
    def folder(self) -> Folder:
        """The declaring folder."""
        return self.repository, self.path


# Of one time: what is declared since then, what stands for itself, what is asserted for that time.
_SINCE, _ITSELF, _ASSERTED = range(3)


class _Point(NamedTuple):
    at: datetime
    rank: int
    report: Report
    stated: Stated | Declared


def declarations(
    before: Declared | None,
    since: datetime,
    themselves: Iterable[Declared],
    statements: Statements,
    reports: Iterable[Report],
) -> list[Declared]:
    """Return the declarations from a time on, in order; `before` is the last one before it.

    `themselves` are those without a report; `reports` are all reports from that time on, in order.
    """
    points = [
        _Point(
            declared.declared_at,
            _ITSELF,
            Report(declared.declared_at, "", *declared.folder),
            declared,
        )
        for declared in themselves
    ]
    points += _since(statements)
    points += _asserted(statements, reports)
    found: dict[datetime, Declared] = {}
    current = before
    later = [point for point in points if point.at >= since]
    for point in sorted(later, key=lambda point: (point.at, point.rank, point.report)):
        new = _new(current, point)
        if new is not None:
            current = found[point.at] = new
    return list(found.values())


def asserted(current: Declared | None, report: Report, stated: Stated) -> Declared | None:
    """Return the declaration that a report makes at its instant, or None if nothing is new."""
    if stated.left_out:
        mine = current is not None and current.folder == report.folder
        new = mine and current is not None and current.release != stated.release
    else:
        new = (
            current is None
            or (current.release, current.folder) != (stated.release, report.folder)
            or (stated.declared_at is None and _renamed(current, stated))
        )
    return _declared(report.declared_at, report, stated) if new else None


def _new(current: Declared | None, point: _Point) -> Declared | None:
    stated, report = point.stated, point.report
    if isinstance(stated, Declared):
        return stated
    if point.rank == _ASSERTED:
        return asserted(current, report, stated)
    if current is not None and current.release == stated.release:
        again = current.declared_at != point.at or _renamed(current, stated)
        if current.folder != report.folder or not again:
            return None
    return _declared(point.at, report, stated)


def _since(statements: Statements) -> Iterator[_Point]:
    """Yield what states itself since when it is declared."""
    for of_folder in statements.values():
        for report, stated in of_folder:
            if stated.declared_at is not None:
                yield _Point(stated.declared_at, _SINCE, report, stated)


def _asserted(statements: Statements, reports: Iterable[Report]) -> Iterator[_Point]:
    """Yield what each report states, also if it is what the one before it stated, or nothing."""
    waiting = {folder: list(reversed(stated)) for folder, stated in statements.items()}
    latest: dict[Folder, Stated] = {}
    for report in reports:
        following = waiting.get(report.folder, [])
        while following and following[-1][0].declared_at <= report.declared_at:
            latest[report.folder] = following.pop()[1]
        stated = latest.get(report.folder, LEFT_OUT)
        if stated.declared_at is None or stated.declared_at <= report.declared_at:
            yield _Point(report.declared_at, _ASSERTED, report, stated)


def _renamed(current: Declared, stated: Stated) -> bool:
    """Return whether a statement names another revision that declared a release first."""
    return stated.config_revision not in (None, current.config_revision)


def _declared(at: datetime, report: Report, stated: Stated) -> Declared:
    revision = stated.config_revision or report.config_revision
    return Declared(*stated.release, revision, *report.folder, at, report.declared_at)
