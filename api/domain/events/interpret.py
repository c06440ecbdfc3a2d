"""Interpreting events: pure, so that a dry run and a projection cannot differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import ValidationError

from api.domain.changes.model import NewChange
from api.domain.events.adapter import (
    Adapter,
    NotOursError,
    ObservedDeployment,
    ObservedEnvironment,
    ObservedRemoval,
    Received,
    UnmappedError,
)
from api.domain.events.mapper import LeftOutError, Mapper, UnmappedNameError
from api.domain.events.rules import SourceRules
from api.domain.incidents.model import NewIncident
from api.domain.kit.times import read_as_received
from api.domain.kit.types import printable

MAX_REASON = 500


class Outcome(StrEnum):
    """What became of an event."""

    PROJECTED = "projected"
    NOT_OURS = "not_ours"
    UNMAPPED = "unmapped"
    FAILED = "failed"


class Meaning(NamedTuple):
    """What an event means for the ledger, or the reason why it means nothing."""

    outcome: Outcome
    reason: str | None
    deployments: Sequence[ObservedDeployment] = ()
    incidents: Sequence[NewIncident] = ()
    environments: Sequence[ObservedEnvironment] = ()
    removals: Sequence[ObservedRemoval] = ()
    changes: Sequence[NewChange] = ()


def interpret(adapter: Adapter, rules: Mapping[str, SourceRules], received: Received) -> Meaning:
    """Return the meaning of an event under these rules."""
    try:
        with read_as_received(received.at):
            observed = adapter.observations(received, Mapper(rules[adapter.source]))
        deployments = _only(ObservedDeployment, observed)
        for _, sequence in deployments:
            _check_sequence(sequence)
    except (NotOursError, LeftOutError) as error:
        return nothing(Outcome.NOT_OURS, str(error))
    except (UnmappedError, UnmappedNameError) as error:
        return nothing(Outcome.UNMAPPED, str(error))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        return nothing(Outcome.FAILED, "; ".join(faults))
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        return nothing(Outcome.FAILED, f"The body is not one of {adapter.source}: {_fault(error)}")
    if not observed:
        return nothing(Outcome.NOT_OURS, "It is not about a deployment.")
    incidents = _only(NewIncident, observed)
    environments = _only(ObservedEnvironment, observed)
    removals = _only(ObservedRemoval, observed)
    changes = _only(NewChange, observed)
    return Meaning(Outcome.PROJECTED, None, deployments, incidents, environments, removals, changes)


def _only[Kind](kind: type[Kind], observed: Iterable[object]) -> list[Kind]:
    return [observation for observation in observed if isinstance(observation, kind)]


def nothing(outcome: Outcome, reason: str) -> Meaning:
    """Return the meaning of an event that changes nothing in the ledger.

    The reason may quote the event; characters that a database refuses are replaced.
    """
    return Meaning(outcome, printable(reason[:MAX_REASON]))


def _check_sequence(sequence: Any) -> None:
    if sequence is not None and not (isinstance(sequence, int) and 0 <= sequence < 2**63):
        raise ValueError("the sequence number of the status must be an integer from 0 to 2^63 - 1")


def _fault(error: Exception) -> str:
    return f"{error} is missing or not known" if isinstance(error, KeyError) else str(error)
