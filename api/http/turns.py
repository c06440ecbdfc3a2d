"""One computation of metrics at a time, for the API and the pages together.

What they are made of is brought up to date first, which one does for all: others wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import structlog
from apiflask import abort
from sqlalchemy import Connection

from api.database import database
from api.domain.dora.kept import refreshing
from api.domain.kit.errors import InvalidValueError
from api.http.problems import InvalidParameterError
from api.outages import Outage, UnavailableError

TURN = threading.Lock()
PATIENCE_S = 10.0
# What is kept would give wrong figures.
READ_ONLY = (
    "What the metrics are made of has changed, and the database accepts no writes to compute it"
    " anew; ask again once it does, or the ledger that writes to it."
)

log = structlog.get_logger()


@contextmanager
def turn() -> Iterator[Connection]:
    """Wait for one's turn, and connect to a snapshot in which the kept rows are up to date.

    Aborts with 503 if the turn does not come or the rows can only be read, and with 422 for a wrong
    value.
    """
    if not TURN.acquire(timeout=PATIENCE_S):
        abort(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Other metrics are still being computed; try again in a few seconds.",
            headers={"Retry-After": "5"},
        )
    try:
        with database().up_to_date(refreshing.outdated, refreshing.refresh) as connection:
            yield connection
    except InvalidValueError as error:
        raise InvalidParameterError(error.pointer, error.detail) from error
    except UnavailableError as error:
        if error.outage is not Outage.READ_ONLY:
            raise
        log.warning("database unavailable", error=str(error))
        abort(HTTPStatus.SERVICE_UNAVAILABLE, READ_ONLY, headers={"Retry-After": "5"})
    finally:
        TURN.release()
