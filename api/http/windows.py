"""A storage for the rate limits: fixed windows in the memory of this process.

The library's own memory storage starts a timer for nearly every request, without a lock: two
request threads can start the same timer ("threads can only be started once", a 500) or crash the
interpreter. https://github.com/alisaifee/limits/pull/352
"""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple

from limits.storage import Storage

SWEEP_EVERY_S = 60


class FixedWindow(NamedTuple):
    """A fixed window: its end, in seconds since the epoch, and the requests counted so far."""

    ends: float
    requests: int


class WindowStorage(Storage):
    """Counts requests under one lock, and removes expired windows along the way."""

    STORAGE_SCHEME = ["windows"]  # noqa: RUF012 (so the library declares it)

    def __init__(self, uri: str | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._lock = threading.Lock()
        self._windows: dict[str, FixedWindow] = {}
        self._swept = time.time()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Return the exceptions that the storage may raise: none."""
        return ()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to the count of a key and return it.

        A window of `expiry` seconds begins with the first request.
        """
        with self._lock:
            self._sweep()
            window = self._open(key) or FixedWindow(time.time() + expiry, 0)
            requests = window.requests + amount
            self._windows[key] = window._replace(requests=requests)
            return requests

    def get(self, key: str) -> int:
        """Return the count of the current window, or 0 if there is none."""
        with self._lock:
            window = self._open(key)
        return window.requests if window else 0

    def get_expiry(self, key: str) -> float:
        """Return the end of the current window in seconds since the epoch, or now without one."""
        with self._lock:
            window = self._open(key)
        return window.ends if window else time.time()

    def check(self) -> bool:
        """Return whether the storage works: always."""
        return True

    def reset(self) -> int:
        """Remove all windows; return how many there were."""
        with self._lock:
            number = len(self._windows)
            self._windows.clear()
        return number

    def clear(self, key: str) -> None:
        """Remove the window of a key."""
        with self._lock:
            self._windows.pop(key, None)

    def _open(self, key: str) -> FixedWindow | None:
        window = self._windows.get(key)
        return window if window and window.ends > time.time() else None

    def _sweep(self) -> None:
        now = time.time()
        if now - self._swept >= SWEEP_EVERY_S:
            self._swept = now
            self._windows = {
                key: window for key, window in self._windows.items() if window.ends > now
            }
