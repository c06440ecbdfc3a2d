"""What every command-line tool here shares: running programs, and failing in one clear line."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class ToolError(Exception):
    """A failure that its message explains well enough to act on."""


def say(line: str) -> None:
    """Print a line at once, so that it stays in order with what child processes print."""
    print(line, flush=True)


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    missing: str = "install it",
) -> subprocess.CompletedProcess[str]:
    """Run a program and return its output, whatever its exit status.

    `missing` says what to do when there is no such program: that is the only ToolError raised.
    """
    try:
        return subprocess.run(
            argv, input=stdin, capture_output=True, text=True, check=False, cwd=cwd, env=env
        )
    except FileNotFoundError:
        raise ToolError(f"{Path(argv[0]).name} is not there: {missing}") from None


def complain(failed: subprocess.CompletedProcess[str], doing: str) -> ToolError:
    """Return the error that says what a finished program was doing and what it said about it."""
    said = (failed.stderr or failed.stdout).strip() or f"exit status {failed.returncode}"
    return ToolError(f"{doing}: {said.removeprefix('error: ').removeprefix('Error: ')}")


def exit_with(main: Callable[[], None]) -> None:
    """Run a tool's main function; a ToolError is one line on stderr and exit status 1."""
    try:
        main()
    except ToolError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
