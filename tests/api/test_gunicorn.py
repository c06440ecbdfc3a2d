"""The API as Gunicorn serves it, started the way its users start it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts Gunicorn; whatever it started ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "SLIPWAY_DATA_DIR": str(tmp_path / "data"), **variables}
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *arguments, "api:application"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def get(port: int, path: str) -> dict[str, object]:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                return dict(json.load(response))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_with_nothing_set_but_an_address_it_serves_and_its_own_lines_are_json_too(
    start: Start,
) -> None:
    port = free_port()
    process = start("-b", f"127.0.0.1:{port}")

    assert get(port, "/readyz")["status"] == "ready"
    assert get(port, "/")["service"] == "slipway"
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)
    lines = [json.loads(line) for line in output.splitlines()]
    assert "gunicorn.error" in {line["logger"] for line in lines}
    assert [line["path"] for line in lines if line["event"] == "request"].count("/") == 1


def test_it_serves_with_several_workers(start: Start) -> None:
    """They find one database to migrate, all at once; the start is told once."""
    port = free_port()
    process = start("-w", "4", "-b", f"127.0.0.1:{port}")

    assert all(get(port, "/readyz")["status"] == "ready" for _ in range(20))
    process.terminate()
    told, _ = process.communicate(timeout=20)
    assert told.count('"event": "serving"') == 1


def test_it_migrates_by_itself_and_stops_soon_though_a_connection_is_kept_alive(
    start: Start,
) -> None:
    port = free_port()
    process = start("-b", f"127.0.0.1:{port}", SLIPWAY_PUBLIC_READ="true")
    assert get(port, "/api/v1/matrix") == {"cells": [], "next_cursor": None}
    with socket.create_connection(("127.0.0.1", port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in idle.recv(100)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)

    assert process.returncode == 0
    assert time.monotonic() - started < 8


def test_a_port_in_use_is_one_clear_line(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("-b", f"127.0.0.1:{port}", SLIPWAY_LOG_LEVEL="warning")
        output, _ = process.communicate(timeout=15)

    assert process.returncode == 1
    assert output.strip() == (
        f"slipway: cannot listen on 127.0.0.1:{port} (Address already in use);"
        " choose another port (make run PORT=8889)"
    )


def test_a_bad_setting_is_one_clear_line(start: Start) -> None:
    process = start("-b", f"127.0.0.1:{free_port()}", SLIPWAY_THREADS="many")
    output, _ = process.communicate(timeout=15)

    assert process.returncode == 1
    assert output.strip().startswith("slipway: SLIPWAY_THREADS: Input should be a valid integer")
    assert output.count("\n") == 1


def test_garbage_collections_pass_over_what_was_loaded() -> None:
    served = """
import gc, runpy
runpy.run_path("gunicorn.conf.py")["when_ready"](None)
print(gc.get_freeze_count(), len(gc.get_objects()))
"""
    done = subprocess.run(
        [sys.executable, "-c", served],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )

    passed_over, looked_at = map(int, done.stdout.split()[-2:])
    assert passed_over > 100 * looked_at


def test_a_dotenv_file_is_read_in_development(tmp_path: Path) -> None:
    for name in ("api", "gunicorn.conf.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".env").write_text("SLIPWAY_LOG_FORMAT=loud\n")
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", "api:application"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert done.returncode == 1
    assert "SLIPWAY_LOG_FORMAT" in done.stderr
