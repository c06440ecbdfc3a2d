"""Clients of a server on loopback: as fast as it answers, or at a given rate."""

from __future__ import annotations

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from tools.command import ToolError

PATIENCE_S = 300


class Answer(NamedTuple):
    """A response: its status, its header fields in lower case, and its body."""

    status: int
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """Open a connection that is kept alive."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(reader: StreamReader, writer: StreamWriter, request: bytes) -> Answer:
    """Send a request and read its answer. Raises TimeoutError after five minutes."""
    writer.write(request)
    async with asyncio.timeout(PATIENCE_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        status = int(first.split(" ", 2)[1])
        length = 0 if status in {204, 304} else int(headers["content-length"])
        return Answer(status, headers, await reader.readexactly(length))


def once(port: int, request: bytes) -> Answer:
    """Send one request."""

    async def send() -> Answer:
        async with connected(port) as (reader, writer):
            return await exchange(reader, writer, request)

    return asyncio.run(send())


def saturate(
    port: int, make: Callable[[], bytes], status: int, clients: int, s: float
) -> tuple[int, float]:
    """Let clients send without a pause for some seconds; return the answers, and the seconds.

    Raises ToolError if an answer has another status.
    """

    async def client(end: float) -> int:
        answers = 0
        async with connected(port) as (reader, writer):
            while not answers or time.perf_counter() < end:
                _expect(await exchange(reader, writer, make()), status)
                answers += 1
        return answers

    async def everybody() -> tuple[int, float]:
        started = time.perf_counter()
        answers = await asyncio.gather(*(client(started + s) for _ in range(clients)))
        return sum(answers), time.perf_counter() - started

    return asyncio.run(everybody())


def pace(
    port: int, make: Callable[[], bytes], status: int, rate: float, clients: int, s: float
) -> list[float]:
    """Send requests at a rate for some seconds; return the milliseconds that each one took.

    They count from when it was due, so that who waits for a slow answer does not hide the others.
    """
    taken: list[float] = []

    async def client(due: list[float]) -> None:
        async with connected(port) as (reader, writer):
            for time_due in due:
                await asyncio.sleep(time_due - time.perf_counter())
                _expect(await exchange(reader, writer, make()), status)
                taken.append((time.perf_counter() - time_due) * 1000)

    async def everybody() -> None:
        started = time.perf_counter() + 0.01
        due = [started + number / rate for number in range(max(1, int(rate * s)))]
        await asyncio.gather(*(client(due[number::clients]) for number in range(clients)))

    asyncio.run(everybody())
    return taken


def _expect(answer: Answer, status: int) -> None:
    if answer.status != status:
        raise ToolError(f"{answer.status} instead of {status}: {answer.body[:500]!r}")
