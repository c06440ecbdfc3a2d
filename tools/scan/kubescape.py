"""Kubescape, which fetches its rules when it runs."""

import re
import shutil

from tools.scan.target import attempt

# It reports a failed download as a warning, and then that the cache lacks the file.
NO_RULES = re.compile(r"\.kubescape/\S+: no such file or directory")


def check() -> str:
    """Return that every overlay has all of NSA and MITRE, if Kubescape is there and has its rules.

    Raises ToolError if one has not.
    """
    if not shutil.which("kubescape"):
        return "kubescape: left out: it is not installed: `make downloads NAMES=kubescape`"
    why = attempt("kubescape", NO_RULES, "its rules could not be fetched")
    return (
        f"kubescape: left out: {why}" if why else "kubescape: every overlay has all of NSA, MITRE"
    )
