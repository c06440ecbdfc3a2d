"""Rate limits, counted separately in each process; the answer 429 says when to retry."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn

from apiflask import abort
from flask import Flask, Response, request
from limits import RateLimitItem, parse_many
from limits.strategies import FixedWindowRateLimiter

from api.http.windows import WindowStorage


class RateLimit:
    """A limit of the requests with the same key; `key` is asked about the current request."""

    def __init__(self, rate: str, key: Callable[[], str]) -> None:
        self.key = key
        self._limits = parse_many(rate)
        self._storage = WindowStorage()
        self._windows = FixedWindowRateLimiter(self._storage)

    def check(self, *, counts: bool) -> None:
        """Abort with 429 if there were too many requests; `counts`: this is one of them."""
        key = self.key()
        allows = self._windows.hit if counts else self._windows.test
        for limit in self._limits:
            if not allows(limit, key):
                self._refuse(limit, key)

    def count(self, requests: int = 1) -> None:
        """Count the current request as this many."""
        key = self.key()
        for limit in self._limits:
            self._windows.hit(limit, key, cost=requests)

    def reset(self) -> None:
        """Forget all requests."""
        self._storage.reset()

    def _refuse(self, limit: RateLimitItem, key: str) -> NoReturn:
        ends, _ = self._windows.get_window_stats(limit, key)
        seconds = max(1, math.ceil(ends - time.time()))
        abort(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"The limit is {limit}; try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


def init_app(
    app: Flask,
    rate: str,
    *,
    key: Callable[[], str],
    exempt_when: Callable[[], bool],
    counts_when: Callable[[Response], bool] | None = None,
) -> RateLimit:
    """Limit the rate of all requests with the same key; those beyond it are answered with 429.

    The check runs among the before-request functions, in the order of registration. `counts_when`
    decides by the response whether a request counts; without it, all requests count. Nobody is
    refused a file or an unknown path, which cost nothing.
    """
    limit = RateLimit(rate, key)

    def exempt() -> bool:
        endpoint = request.endpoint
        return endpoint is None or endpoint.endswith("static") or exempt_when()

    @app.before_request
    def check() -> None:
        if not exempt():
            limit.check(counts=counts_when is None)

    if counts_when is not None:

        @app.after_request
        def count(response: Response) -> Response:
            if counts_when(response) and not exempt():
                limit.count()
            return response

    app.extensions.setdefault("limiter", set()).add(limit)
    return limit


def address() -> str:
    """Return the client's address; behind trusted proxies, the one that they forward."""
    return request.remote_addr or "unknown"


def a_minute(rate: str) -> int:
    """Return how many requests a minute a rate allows for long, and at least one."""
    allowed = [limit.amount * 60 // limit.get_expiry() for limit in parse_many(rate)]
    return max(1, min(allowed))
