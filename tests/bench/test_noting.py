"""What is compared: reports that are noted for the metrics with those that are not."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from sqlalchemy import func, select

from api.tables import changed_facts
from bench import noting
from bench.ledger import Ledger, open_ledger
from tests.postgresql import Lender


def notes(ledger: Ledger) -> int:
    """Return how many notes there are."""
    with ledger.engine.connect() as connection:
        found: int = connection.execute(select(func.count(changed_facts.c.id))).scalar_one()
    return found


def test_reports_are_noted_again_afterwards(postgresql_lender: Lender, tmp_path: Path) -> None:
    numbers = count()
    with postgresql_lender.lend() as place:
        ledger = open_ledger("PostgreSQL", 0, place, tmp_path)
        for path, make in (noting.single(3), noting.bulk(3), noting.changes(3)):
            noting.sent(ledger, path, make(numbers))
            before = notes(ledger)
            with noting.unnoted(ledger):
                noting.sent(ledger, path, make(numbers))
            assert notes(ledger) == before
            assert noting.sent(ledger, path, make(numbers)) > 0
            assert notes(ledger) == before + 3
        ledger.engine.dispose()


def test_a_ratio_is_that_of_a_round_and_not_of_two() -> None:
    line = noting.line("a deployment", [2.2, 3.0, 4.4], [2.0, 3.0, 4.0])
    assert line == "| a deployment | 3.00 | 3.00 | 1.10 |"
