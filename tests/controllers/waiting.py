"""Waiting for what comes about by itself, in bounded time."""

import time
from collections.abc import Callable


def until(what: str, check: Callable[[], object], seconds: float) -> float:
    """Ask until the answer is not empty, and return the seconds it took.

    A failure says what was waited for; `check` may raise AssertionError to say what it saw.
    """
    started = time.monotonic()
    while True:
        seen = ""
        try:
            if check():
                return time.monotonic() - started
        except AssertionError as error:
            seen = f": {error}"
        if time.monotonic() - started > seconds:
            raise AssertionError(f"{what}: not after {seconds:g} s{seen}")
        time.sleep(1)
