"""What the rate limits count with must hold under many threads and forget in time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.http import windows
from api.http.windows import WindowStorage


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried_threads")
def test_threads_count_each_request_once_and_start_no_other_thread() -> None:
    storage = WindowStorage()
    threads = 8

    def count(_: int) -> set[str]:
        for _ in range(500):
            storage.incr("key", 60)
        return {each.name for each in threading.enumerate() if isinstance(each, threading.Timer)}

    with ThreadPoolExecutor(threads) as pool:
        timers = set().union(*pool.map(count, range(threads)))

    assert storage.get("key") == threads * 500
    assert timers == set()


def test_a_window_begins_with_the_first_request_and_ends_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = WindowStorage()
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    assert [storage.incr("key", 60), storage.incr("key", 60)] == [1, 2]

    monkeypatch.setattr(time, "time", lambda: 1059.0)
    assert (storage.get("key"), storage.get_expiry("key")) == (2, 1060.0)

    monkeypatch.setattr(time, "time", lambda: 1060.0)
    assert (storage.get("key"), storage.get_expiry("key")) == (0, 1060.0)
    assert storage.incr("key", 60) == 1
    assert storage.get_expiry("key") == 1120.0


def test_windows_that_are_over_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = WindowStorage()
    for number in range(100):
        storage.incr(f"key {number}", 1)
    later = time.time() + windows.SWEEP_EVERY_S
    monkeypatch.setattr(time, "time", lambda: later)

    storage.incr("another", 60)

    assert storage.reset() == 1
    assert storage.get("another") == 0


def test_one_key_is_forgotten_alone() -> None:
    storage = WindowStorage()
    storage.incr("one", 60)
    storage.incr("two", 60)

    storage.clear("one")

    assert (storage.get("one"), storage.get("two")) == (0, 1)
