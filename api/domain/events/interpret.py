"""What an event means: pure, so that a dry run and a projection cannot differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import ValidationError

from api.domain.events.adapter import (
    Adapter,
    Fact,
    NotOursError,
    Received,
    SeenEnvironment,
    UnmappedError,
)
from api.domain.events.rules import LeftOutError, Mapper, SourceRules, UnmappedNameError
from api.domain.incidents.model import NewIncident

MAX_REASON = 500


class Outcome(StrEnum):
    """What became of an event."""

    PROJECTED = "projected"
    NOT_OURS = "not_ours"
    UNMAPPED = "unmapped"
    FAILED = "failed"


class Meaning(NamedTuple):
    """What an event says of deployments and the rest, or why it says nothing."""

    outcome: Outcome
    reason: str | None
    facts: Sequence[Fact] = ()
    incidents: Sequence[NewIncident] = ()
    environments: Sequence[SeenEnvironment] = ()


def interpret(adapter: Adapter, rules: Mapping[str, SourceRules], received: Received) -> Meaning:
    """Return what an event means by these rules."""
    try:
        told = adapter.facts(received, Mapper(rules[adapter.source]))
        facts = [each for each in told if isinstance(each, Fact)]
        for _, sequence in facts:
            _check_sequence(sequence)
    except (NotOursError, LeftOutError) as error:
        return nothing(Outcome.NOT_OURS, str(error))
    except (UnmappedError, UnmappedNameError) as error:
        return nothing(Outcome.UNMAPPED, str(error))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        return nothing(Outcome.FAILED, "; ".join(faults))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        return nothing(Outcome.FAILED, f"The body is not one of {adapter.source}: {_fault(error)}")
    if not told:
        return nothing(Outcome.NOT_OURS, "It tells of no deployment.")
    incidents = [each for each in told if isinstance(each, NewIncident)]
    environments = [each for each in told if isinstance(each, SeenEnvironment)]
    return Meaning(Outcome.PROJECTED, None, facts, incidents, environments)


def nothing(outcome: Outcome, reason: str) -> Meaning:
    """Return the meaning of an event that says nothing to the ledger."""
    return Meaning(outcome, reason[:MAX_REASON])


def _check_sequence(sequence: Any) -> None:
    if sequence is not None and not (isinstance(sequence, int) and 0 <= sequence < 2**63):
        raise ValueError("what its states are ordered by is no number that can be stored")


def _fault(error: Exception) -> str:
    return f"{error} is missing or not known" if isinstance(error, KeyError) else str(error)
