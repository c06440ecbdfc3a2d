"""Kubescape, which fetches its rules when it runs."""

import re
import shutil

from tools.scan.target import attempt

# Of a server that cannot be reached. A release that is not there says something else, and fails.
NO_RULES = re.compile(r"error getting: \S+ from: '\S+' ,error: Get ")


def check() -> str:
    """Return a line for the summary: every overlay passes NSA and MITRE, or why it was left out.

    Raises ToolError if one has not.
    """
    if not shutil.which("kubescape"):
        return "kubescape: left out: it is not installed: `make downloads NAMES=kubescape`"
    why = attempt("kubescape", NO_RULES, "its rules could not be fetched")
    return (
        f"kubescape: left out: {why}" if why else "kubescape: every overlay has all of NSA, MITRE"
    )
