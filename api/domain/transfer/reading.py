"""A file of lines, in batches that can be looked up and written at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from api.domain.kit import strictjson
from api.domain.transfer.lines import ENTRIES, DeploymentEntry, Entry, Header

# An event's body is a JSON text in a JSON text, and `1e15` has become 1000000000000000.0 there: the
# 1 MiB that was sent can become somewhat more than 4 MiB.
MAX_LINE_BYTES = 8 * 1024 * 1024
# A batch has up to this many lines, and hardly more than this many bytes if they are long.
BATCH = 500
BATCH_BYTES = MAX_LINE_BYTES
MAX_FAULTS = 20

# Called with the number of bytes read since the last call.
Progress = Callable[[int], object]


class LineError(ValueError):
    """A line is wrong; `pointer` says where in it."""

    def __init__(self, detail: str, pointer: str = "#") -> None:
        super().__init__(detail)
        self.pointer = pointer


class Read(NamedTuple):
    """What a line says, or what is wrong with it, and how many bytes it has."""

    line: int
    size: int
    content: Entry | Header | LineError | ValidationError


class Fault(NamedTuple):
    """What is wrong with a line: a LineError, or a ValidationError with several faults."""

    line: int
    error: LineError | ValidationError


class InvalidLinesError(Exception):
    """Lines are wrong: how many, and the first of them."""

    def __init__(self, faults: list[Fault], number: int) -> None:
        super().__init__(f"{number} lines are wrong")
        self.faults = faults
        self.number = number


class Numbered(NamedTuple):
    """An entry, the number of its line and how many bytes that has."""

    line: int
    size: int
    entry: Entry


Batch = list[Numbered]


class Reader:
    """A file of lines, and what was found to be wrong with it so far."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._faults: list[Fault] = []
        self._wrong = 0
        self.header: Header | None = None

    def batches(self) -> Iterator[Batch]:
        """Yield the entries in batches of one type.

        In a batch no entry is duplicated, but a deployment may have several reports.
        """
        batch: Batch = []
        marks: set[tuple[object, ...]] = set()
        size = 0
        for numbered in self._entries():
            full = len(batch) == BATCH or size > BATCH_BYTES
            other = batch and batch[0].entry.type != numbered.entry.type
            if full or other or not marks.isdisjoint(_single(numbered.entry)):
                yield batch
                batch, marks, size = [], set(), 0
            batch.append(numbered)
            marks |= _single(numbered.entry)
            size += numbered.size
        if batch:
            yield batch

    def wrong(self, line: int, error: LineError | ValidationError) -> None:
        """Remember what is wrong with a line, if it is among the first."""
        self._wrong += 1
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(Fault(line, error))

    def raise_what_is_wrong(self) -> None:
        """Raise InvalidLinesError if anything was wrong so far."""
        if self._wrong:
            raise InvalidLinesError(sorted(self._faults, key=lambda fault: fault.line), self._wrong)

    def _entries(self) -> Iterator[Numbered]:
        position = 0
        for line, size, content in read(self._file):
            if line % BATCH == 0:
                self._progress(self._file.tell() - position)
                position = self._file.tell()
            if isinstance(content, Entry):
                yield Numbered(line, size, content)
            elif isinstance(content, Header):
                self.header = content
            else:
                self.wrong(line, content)
        self._progress(self._file.tell() - position)


def _single(entry: Entry) -> set[tuple[object, ...]]:
    """Return what no other entry of a batch may have."""
    reports = isinstance(entry, DeploymentEntry) and entry.merges and entry.id is None
    return set() if reports else entry.marks


def read(file: BinaryIO) -> Iterator[Read]:
    """Yield each line of a file by its number, from 1 on; blank ones are passed over."""
    number = 0
    while text := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(text) > MAX_LINE_BYTES:
            fault = LineError("is longer than 8 MiB; nothing after it was read")
            yield Read(number, len(text), fault)
            return
        if not text.isspace():
            try:
                yield Read(number, len(text), _parse(text, first=number == 1))
            except (LineError, ValidationError) as error:
                yield Read(number, len(text), error)


def _parse(text: bytes, *, first: bool) -> Entry | Header:
    try:
        value = strictjson.loads(text.decode())
    except RecursionError as error:
        raise LineError("is nested too deeply") from error
    except ValueError as error:
        raise LineError(f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise LineError("must be a JSON object")
    if first and "format" in value:
        return Header.model_validate(value)
    name = value.get("type")
    if not isinstance(name, str) or name not in ENTRIES:
        raise LineError(f"must be one of: {', '.join(ENTRIES)}", "#/type")
    return ENTRIES[name].model_validate(value).identified()
