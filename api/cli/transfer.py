"""`flask ledger export` and `flask ledger import`: transfer a ledger as JSON Lines."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

import click
from flask.cli import with_appcontext
from pydantic import ValidationError

from api.cli.failure import Failure, failing
from api.database import database
from api.domain.dora.kept import refreshing
from api.domain.kit.times import now
from api.domain.transfer import exporting, importing
from api.domain.transfer.lines import ENTRIES
from api.domain.transfer.reading import MAX_FAULTS, Fault, InvalidLinesError, Progress
from api.http import problems
from api.migrate import current_revision

PLURALS = {name: f"{name.replace('_', ' ')}s" for name in ENTRIES}


@click.command("export")
@click.argument("file", type=click.File("wb"), default="-")
@with_appcontext
def export_ledger(file: BinaryIO) -> None:
    """Write the whole ledger to FILE, or to standard output, as JSON Lines.

    The export is a consistent snapshot. Tokens and the responses stored for Idempotency-Key are not
    exported, because both belong to the callers of this ledger.
    """
    with failing("the ledger was not exported"), database().snapshot() as connection:
        counts = exporting.count(connection)
        revision = current_revision(connection) or ""
        lines = exporting.lines(connection, counts, revision, now())
        shown = file is not sys.stdout.buffer  # a progress bar would mix with the lines
        steps = sum(counts.values()) + 1
        with _flushed(file), _progress("exporting", steps, shown=shown) as bar:
            for number, line in enumerate(lines, start=1):
                file.write(line)
                if number % 1000 == 0:
                    bar(1000)
            bar(number % 1000)
    click.echo(f"exported: {_counted(counts)}", err=True)


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--check/--no-check",
    default=True,
    help="Check the whole file before anything is written (the default).",
)
@with_appcontext
def import_ledger(file: BinaryIO, check: bool) -> None:
    """Add the records in FILE, or in standard input for -, to the ledger.

    FILE is an export, or has lines in the same format. Records that the ledger already has are
    skipped, so that an interrupted import can be repeated.
    """
    with _seekable(file) as lines, failing("the import stopped"):
        size = lines.seek(0, os.SEEK_END)
        lines.seek(0)
        written = False
        try:
            if check:
                with _progress("checking", size) as bar:
                    importing.check(lines, database().read, bar)
                lines.seek(0)
            written = True
            with _progress("writing", size) as bar:
                counts = importing.write(lines, database().transact, bar)
            database().bring_up_to_date(refreshing.outdated, refreshing.refresh)
        except InvalidLinesError as error:
            for fault in error.faults:
                _explain(fault)
            rest = "earlier lines may have been written" if written else "nothing was written"
            raise Failure(f"invalid lines: {error.number}; {rest}") from error
    click.echo(f"added: {_counted(counts.added)}; already present: {_counted(counts.known)}")


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield the file itself, or a temporary copy if it is not seekable."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        yield cast(BinaryIO, copy)


@contextmanager
def _flushed(file: BinaryIO) -> Iterator[None]:
    """Write at the end what a file still buffers, so that a full disk is an error of ours."""
    try:
        yield
        file.flush()
    except OSError:
        with suppress(OSError):
            file.close()  # or click would try again
        raise


@contextmanager
def _progress(label: str, length: int, *, shown: bool = True) -> Iterator[Progress]:
    """Show a progress bar on a terminal."""
    hidden = not (shown and sys.stderr.isatty())
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden) as bar:
        yield bar.update


def _explain(fault: Fault) -> None:
    if isinstance(fault.error, ValidationError):
        details = problems.faults(fault.error, in_body=True)
    else:
        details = [{"pointer": fault.error.pointer, "detail": str(fault.error)}]
    for detail in details[:MAX_FAULTS]:
        click.echo(f"line {fault.line}: {detail['pointer']}: {detail['detail']}", err=True)


def _counted(counts: Mapping[str, int]) -> str:
    parts = [
        f"{counts[name]} {plural.removesuffix('s') if counts[name] == 1 else plural}"
        for name, plural in PLURALS.items()
        if counts.get(name)
    ]
    return ", ".join(parts) or "nothing"
