"""Deadlines for what has no time limit of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread


def within[Result](seconds: float, function: Callable[[], Result]) -> Result:
    """Return what a function returns, or raise what it raises.

    Raises TimeoutError if that takes longer; its thread goes on, as nothing can end it.
    """
    answer: Future[Result] = Future()

    def call() -> None:
        try:
            answer.set_result(function())
        except BaseException as error:  # noqa: BLE001 (raised again by result())
            answer.set_exception(error)

    # A daemon thread, so that a call that hangs does not keep the process alive.
    Thread(target=call, daemon=True).start()
    return answer.result(timeout=seconds)
