"""Time healthy clients: alone, beside 200 that send a byte a second, and without a pause.

The ledger is served as in production, by Gunicorn on loopback, with the demo's history on SQLite.
Four healthy clients ask every 20 ms, in turns alone and beside the slow ones, half of which drip a
head, and half the body of an event with a forged signature. Then 16 healthy
clients ask without a pause. `--worker gthread` compares Gunicorn's own worker, of which slow
clients hold the threads.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).parent.parent
PATIENCE_S = 10
PAUSE_S = 0.02
ASK = b"GET /api/v1/services HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"POST /api/v1/webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = HEAD + b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\nContent-Length: 1000\r\n\r\n"


@contextmanager
def served(worker: str) -> Iterator[int]:
    """Serve the demo's ledger with a kind of worker, and yield its port."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "secret").write_text("a secret that no slow client knows")
        settings = {
            "DATA_DIR": folder,
            "PUBLIC_READ": "true",
            "RATE_LIMIT": "1000000 per second",
            "AUTH_FAILURE_LIMIT": "1000000 per second",
            "WEBHOOK_GITHUB_SECRET_FILE": f"{folder}/secret",
            "LOG_LEVEL": "error",
        }
        environment = os.environ | {f"SLIPWAY_{name}": value for name, value in settings.items()}
        demo = [sys.executable, "-m", "flask", "--app", "api", "ledger", "demo"]
        subprocess.run(demo, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-k", worker]
        with subprocess.Popen([*command, "api:application"], cwd=ROOT, env=environment) as process:
            try:
                _await(port)
                yield port
            finally:
                process.kill()


def _await(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2)
            return
        time.sleep(0.1)
    raise SystemExit("the ledger is not ready after a minute")


async def healthy(port: int, seconds: float, pause: float) -> list[float]:
    """Ask over one connection for some time; return the milliseconds until each answer."""
    taken: list[float] = []
    end = time.monotonic() + seconds
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        started = time.monotonic()
        writer.write(ASK)
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length))
        except TimeoutError:
            return [*taken, PATIENCE_S * 1000]
        taken.append((time.monotonic() - started) * 1000)
        await asyncio.sleep(pause)
    writer.close()
    return taken


async def slow(port: int, first: bytes) -> None:
    """Drip a request at a byte a second, and again once it is refused."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(first)
            while not writer.is_closing():
                await asyncio.sleep(1)
                writer.write(b"x")
                await writer.drain()


async def measure(port: int, seconds: float, *, clients: int, pause: float, drips: int) -> str:
    """Return the number of answers, their median, and their 99th percentile."""
    dripping = [
        asyncio.create_task(slow(port, HEAD if number % 2 else BODY)) for number in range(drips)
    ]
    await asyncio.sleep(2 if drips else 0)
    asking = [healthy(port, seconds, pause) for _ in range(clients)]
    taken = [each for some in await asyncio.gather(*asking) for each in some]
    for task in dripping:
        task.cancel()
    p99 = statistics.quantiles(taken, n=100)[-1]
    return f"{len(taken) / seconds:6.0f}/s {statistics.median(taken):9.1f} ms {p99:9.1f} ms"


def main() -> None:
    """Print a line for each measurement."""
    parser = argparse.ArgumentParser(prog="python -m bench.slow", description=__doc__)
    parser.add_argument("--worker", default="api.worker.Worker", help="default: that of the image")
    parser.add_argument("--slow", type=int, default=200, help="slow connections; default: 200")
    parser.add_argument("--seconds", type=float, default=10, help="of a measurement; default: 10")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    given = parser.parse_args()
    kinds = {
        "alone": {"clients": 4, "pause": PAUSE_S, "drips": 0},
        f"beside {given.slow}": {"clients": 4, "pause": PAUSE_S, "drips": given.slow},
        "without a pause": {"clients": 16, "pause": 0, "drips": 0},
    }
    print(f"{given.worker}: answers, median, 99th percentile")
    with served(given.worker) as port:
        for _ in range(given.rounds):
            for name, options in kinds.items():
                print(f"{name:>16} {asyncio.run(measure(port, given.seconds, **options))}")


if __name__ == "__main__":
    main()
