"""What the rate limits count with: fixed windows in the memory of this process.

The library's own memory storage starts a timer for nearly every request, without a lock: two
request threads can start the same one ("threads can only be started once", a 500), or crash the
interpreter. https://github.com/alisaifee/limits/pull/352
"""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple

from limits.storage import Storage

SCHEME = "windows"
SWEEP_EVERY_S = 60


class FixedWindow(NamedTuple):
    """How many were counted until a window ends, in seconds since the epoch."""

    ends: float
    requests: int


class WindowStorage(Storage):
    """Counts under one lock, and forgets windows that are over as it counts."""

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 (so the library declares it)

    def __init__(self, uri: str | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._lock = threading.Lock()
        self._windows: dict[str, FixedWindow] = {}
        self._swept = time.time()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Return what may go wrong with the storage itself: nothing."""
        return ()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, in a window of `expiry` seconds that begins with the first; return the count."""
        with self._lock:
            self._sweep()
            window = self._open(key) or FixedWindow(time.time() + expiry, 0)
            requests = window.requests + amount
            self._windows[key] = window._replace(requests=requests)
            return requests

    def get(self, key: str) -> int:
        """Return what was counted in the window that is open, or 0."""
        with self._lock:
            window = self._open(key)
        return window.requests if window else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window ends, in seconds since the epoch; now, when none is open."""
        with self._lock:
            window = self._open(key)
        return window.ends if window else time.time()

    def check(self) -> bool:
        """Say that it can count."""
        return True

    def reset(self) -> int:
        """Forget every window, and return how many there were."""
        with self._lock:
            number = len(self._windows)
            self._windows.clear()
        return number

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._windows.pop(key, None)

    def _open(self, key: str) -> FixedWindow | None:
        window = self._windows.get(key)
        return window if window and window.ends > time.time() else None

    def _sweep(self) -> None:
        now = time.time()
        if now - self._swept >= SWEEP_EVERY_S:
            self._swept = now
            self._windows = {key: each for key, each in self._windows.items() if each.ends > now}
