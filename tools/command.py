"""What every command-line tool here shares: its output, and one clear line when it fails."""

import sys
from collections.abc import Callable
from pathlib import Path

from gitops.errors import GitopsError as ToolError
from gitops.programs import failure, run

__all__ = ["ROOT", "ToolError", "exit_with", "failure", "run", "say"]

ROOT = Path(__file__).resolve().parent.parent


def say(line: str) -> None:
    """Print a line at once, so that it stays in order with what child processes print."""
    print(line, flush=True)


def exit_with(main: Callable[[], None]) -> None:
    """Run a tool's main function; a ToolError becomes one line on stderr and exit status 1."""
    try:
        main()
    except ToolError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
