"""Rate limits, counted separately in each process; the answer 429 says when to retry."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn

from apiflask import abort
from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import parse_many

from api.http import windows


def init_app(
    app: Flask,
    rate: str,
    *,
    key: Callable[[], str],
    exempt_when: Callable[[], bool],
    counts_when: Callable[[Response], bool] | None = None,
) -> Limiter:
    """Limit the rate of all requests with the same key; those beyond it are answered with 429.

    The check runs among the before-request functions, in the order of registration. `counts_when`
    decides by the response whether a request counts; without it, all requests count.
    """
    limit = ApplicationLimit(rate, key, deduct_when=counts_when, on_breach=_refuse)
    limiter = Limiter(key, app=app, application_limits=[limit], storage_uri=f"{windows.SCHEME}://")
    # Asked before any limits are looked up, unlike the condition of a limit.
    limiter.request_filter(exempt_when)
    return limiter


def count_more(limiter: Limiter, requests: int) -> None:
    """Count the current request as this many more, which the next ones may find to be too many."""
    for counted in limiter.current_limits:
        limiter.limiter.hit(counted.limit, *counted.request_args, cost=requests)


def address() -> str:
    """Return the client's address; behind trusted proxies, the one that they forward."""
    return request.remote_addr or "unknown"


def a_minute(rate: str) -> int:
    """Return how many requests a minute a rate allows for long, and at least one."""
    allowed = [limit.amount * 60 // limit.get_expiry() for limit in parse_many(rate)]
    return max(1, min(allowed))


def _refuse(breached: RequestLimit) -> NoReturn:
    seconds = max(1, math.ceil(breached.window.reset_time - time.time()))
    abort(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"The limit is {breached.limit}; try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )
