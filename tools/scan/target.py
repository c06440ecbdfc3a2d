"""A scan that is a target of its own, and may want what a server does not give."""

import re

from tools.command import ROOT, ToolError, run, say


def attempt(target: str, unserved: re.Pattern[str], why: str) -> str:
    """Run a make target; return `why` if its output says it was unserved, nothing if it passed.

    Raises ToolError on any other failure, after showing what the target printed.
    """
    done = run(["make", target], cwd=ROOT)
    if not done.returncode:
        return ""
    said = done.stdout + done.stderr
    if unserved.search(said):
        return f"{why}: `make {target}` tells more"
    say(said.rstrip())
    raise ToolError(f"`make {target}` fails")
