"""Witnesses: the statements of each source, and the deployment that they add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from api.domain.deployments.model import Status
from api.domain.deployments.statements import Statement
from api.domain.kit.times import parse_instant
from api.domain.kit.types import united
from api.domain.kit.versions import canonical

RANK = [Status.PENDING, Status.RUNNING, Status.SUCCEEDED, Status.CANCELLED, Status.FAILED]
# Which source decides where several contradict each other: first any that reports by the API, then
# those that see the cluster, then those that start the rollout.
PRECEDENCE = (
    "argorollouts",
    "flagger",
    "argocd",
    "flux",
    "cloudevents",
    "github",
    "gitlab",
)
# These sources go on reporting the health of a deployment: what they state this long after it was
# first settled is about an incident.
WATCHED = {"argocd": timedelta(hours=1)}
# A deployment that an event cancels this long after its failure has failed all the same: somebody
# is cleaning up.
CANCELLABLE = timedelta(hours=1)
# The numbers of these say whose version counts, and not which state came last.
UNORDERED = {"flux"}
# Of these, the next deployment cancels the one before, and not if that had ended.
REPLACING = {"argorollouts", "flagger", "argocd"}
# Of several reports of one source, the first that states one of these decides.
FIRST = ("actor", "kind")
STATED = ("version", "image_digest", "commit", "config_revision", "actor", "kind")


class Witness:
    """All statements of one source about one deployment."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        # The newest first; the order in which they were received does not matter.
        self.statements = sorted(statements, key=_newest, reverse=True)
        self.key = self.statements[0].key
        self.id = min(statement.id for statement in self.statements)
        self.of_event = any(statement.event_id is not None for statement in self.statements)
        self.started_at = min(statement.started_at for statement in self.statements)
        # The ids of those that came too late to decide its status.
        self.late = _late(self.statements)
        self.ended_at = max(
            statement.ended_at for statement in self.statements if statement.id not in self.late
        )

    @property
    def rank(self) -> tuple[int, tuple[str, str]]:
        """Return its place in the order of precedence."""
        source = self.key[0]
        return PRECEDENCE.index(source) + 1 if source in PRECEDENCE else 0, self.key

    @cached_property
    def decisive(self) -> Statement:
        """Return the statement that decides the status."""
        plain = (statement for statement in self.statements if not statement.correction)
        return max(
            (statement for statement in plain if statement.id not in self.late), key=_decisive
        )

    @cached_property
    def stated(self) -> dict[str, Any]:
        """Return the value of each field: that of the newest statement which has one.

        For the actor and the kind, the first report that has one decides.
        """
        plain = [statement for statement in self.statements if not statement.correction]
        stated = {name: _first(statement.said.get(name) for statement in plain) for name in STATED}
        by_age = sorted(plain, key=lambda statement: statement.id)
        reports = [statement for statement in by_age if statement.event_id is None]
        stated |= {
            name: _first(statement.said.get(name) for statement in [*reports, *plain])
            for name in FIRST
        }
        return stated | {
            "status": self.decisive.said["status"],
            "finished_at": self.decisive.said["finished_at"],
            "links": [link for statement in plain for link in statement.said["links"]],
        }


def witnesses(statements: Iterable[Statement]) -> list[Witness]:
    """Return the witnesses of some statements, in the order of their keys."""
    by_key: dict[tuple[str, str], list[Statement]] = {}
    for statement in statements:
        by_key.setdefault(statement.key, []).append(statement)
    return [Witness(by_key[key]) for key in sorted(by_key)]


def settled(group: Sequence[Witness]) -> dict[str, Any]:
    """Return the columns of the deployment that a group of witnesses describes.

    Each field is that of the first witness, in the order of `rank`, which has a value. The status
    is the one reached last, and the worse of two final ones at the same time. The start is the
    earliest, and every link is kept. A value that a person has corrected stays.
    """
    ordered = sorted(group, key=lambda witness: witness.rank)
    stated = {name: _first(witness.stated[name] for witness in ordered) for name in STATED}
    decisive = max(_deciding(ordered), key=_reached).stated
    values = stated | {
        "status": decisive["status"],
        "finished_at": _instant(decisive["finished_at"]),
        "started_at": min(witness.started_at for witness in ordered),
        "links": united([link for witness in ordered for link in witness.stated["links"]]),
        "source": ordered[0].key[0],
        "external_id": ordered[0].statements[0].external_id,
        "created_at": min(
            statement.created_at for witness in ordered for statement in witness.statements
        ),
    }
    corrections = [
        statement for witness in ordered for statement in witness.statements if statement.correction
    ]
    for correction in sorted(corrections, key=lambda statement: statement.id):
        said = dict(correction.said)
        if "status" in said:
            reached = Status(said.pop("status")), _instant(said.pop("finished_at"))
            # An earlier status does not reopen a deployment that has ended.
            if RANK.index(reached[0]) > RANK.index(Status(values["status"])) or reached[1]:
                values["status"], values["finished_at"] = reached
        values |= said
    values["stated_kind"] = values.pop("kind")
    return values


def conflicts(group: Sequence[Witness]) -> list[str]:
    """Return the names of the fields that the witnesses contradict each other about."""
    return [
        name
        for name in ("version", "image_digest", "commit", "config_revision", "status")
        if len(_distinct(name, group)) > 1
    ]


def _distinct(name: str, group: Iterable[Witness]) -> set[Any]:
    values = {witness.stated[name] for witness in group} - {None}
    return set(map(canonical, values)) if name == "version" else values


def _deciding(group: Sequence[Witness]) -> Sequence[Witness]:
    """Return the witnesses that decide the status: none cancelled what another saw succeed."""
    if all(witness.stated["status"] != Status.SUCCEEDED for witness in group):
        return group
    return [witness for witness in group if not _cancels(witness.decisive)]


def _late(statements: Sequence[Statement]) -> set[UUID]:
    """Return the ids of a witness's statements that came when its deployment was long settled."""
    final = [
        statement
        for statement in statements
        if not statement.correction and statement.said["finished_at"]
    ]
    cancelled = [statement for statement in final if _cancels(statement)]
    run = [statement for statement in final if not _cancels(statement)]
    if not run:
        return set()
    settled_at = min(statement.ended_at for statement in run)
    watched = WATCHED.get(statements[0].source)
    late = [statement for statement in run if watched and statement.ended_at > settled_at + watched]
    succeeded = any(statement.said["status"] == Status.SUCCEEDED for statement in run)
    replaced = statements[0].source in REPLACING
    late += [
        statement
        for statement in cancelled
        if replaced or succeeded or statement.ended_at > settled_at + CANCELLABLE
    ]
    return {statement.id for statement in late}


def _cancels(statement: Statement) -> bool:
    """Return whether an event states that a deployment ended without success or failure."""
    return statement.event_id is not None and statement.said["status"] == Status.CANCELLED


def _newest(statement: Statement) -> tuple[int, tuple[str, int, int], bytes]:
    return _number(statement), _decisive(statement), to_json(statement.said)


def _decisive(statement: Statement) -> tuple[str, int, int]:
    """Return the sort key of a status: final ones last, by the time they were reached.

    Senders report whole seconds. Of two states in the same second, the sequence number decides if
    the sender numbers its states, and else the worse one holds.
    """
    if statement.correction:
        return "", 0, 0
    rank = RANK.index(Status(statement.said["status"]))
    number = 0 if statement.source in UNORDERED else _number(statement)
    return statement.said["finished_at"] or "", number, rank


def _number(statement: Statement) -> int:
    return -1 if statement.sequence is None else statement.sequence


def _reached(witness: Witness) -> tuple[datetime, int]:
    stated = witness.stated
    rank = RANK.index(Status(stated["status"]))
    return _instant(stated["finished_at"]) or datetime.min.replace(
        tzinfo=witness.started_at.tzinfo
    ), rank


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _instant(text: Any) -> datetime | None:
    return None if text is None else parse_instant(text)
