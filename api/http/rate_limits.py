"""Rate limits: who asks too often is told when to come back. Each process counts for itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn

from apiflask import abort
from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit

from api.http import windows


def init_app(
    app: Flask,
    rate: str,
    *,
    key: Callable[[], str],
    exempt_when: Callable[[], bool],
    counts_when: Callable[[Response], bool] | None = None,
) -> None:
    """Refuse requests beyond a rate with 429, each key for itself, wherever they go.

    It takes its turn among the functions before a request, in the order they are registered. What
    `counts_when` says of an answer decides whether that request counts; without it, all do.
    """
    limit = ApplicationLimit(
        rate, key, exempt_when=exempt_when, deduct_when=counts_when, on_breach=_refuse
    )
    Limiter(key, app=app, application_limits=[limit], storage_uri=f"{windows.SCHEME}://")


def address() -> str:
    """Return the address of who asks; behind proxies that are trusted, the one they tell."""
    return request.remote_addr or "unknown"


def _refuse(breached: RequestLimit) -> NoReturn:
    seconds = max(1, math.ceil(breached.window.reset_time - time.time()))
    abort(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"More than {breached.limit} are not answered; try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )
