"""One computation of metrics at a time, for the API and the pages together.

Computing a window of a large ledger takes memory, and the GIL allows only one computation at a time
anyway: others wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from apiflask import abort

from api.domain.kit.errors import InvalidValueError
from api.http.problems import InvalidParameterError

TURN = threading.Lock()
PATIENCE_S = 10.0


@contextmanager
def turn() -> Iterator[None]:
    """Wait for one's turn; abort with 503 if it does not come, and with 422 for a wrong value."""
    if not TURN.acquire(timeout=PATIENCE_S):
        abort(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Other metrics are still being computed; try again in a few seconds.",
            headers={"Retry-After": "5"},
        )
    try:
        yield
    except InvalidValueError as error:
        raise InvalidParameterError(error.pointer, error.detail) from error
    finally:
        TURN.release()
