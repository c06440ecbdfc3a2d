"""A scan that is a make target of its own, and needs something from a server."""

import re

from tools.command import ROOT, ToolError, run, say


def attempt(target: str, unserved: re.Pattern[str], why: str) -> str:
    """Run a make target; return `why` if its output says it was unserved, nothing if it passed.

    Raises ToolError on any other failure, after showing what the target printed.
    """
    done = run(["make", target], cwd=ROOT)
    if not done.returncode:
        return ""
    output = done.stdout + done.stderr
    if unserved.search(output):
        return f"{why}: run `make {target}` for details"
    say(output.rstrip())
    raise ToolError(f"`make {target}` fails")
