"""An overlay that kustomize refuses to render."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitops.checks.context import Context
from gitops.findings import Finding

# Kustomize wraps each error in those of the folders that lead to it: only the last is news.
WRAPPED = re.compile(
    r"accumulat\w+ (?:resources|components)[^:]*: |recursed (?:accumulation|merging)[^:]*: "
)


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding for each overlay that does not render."""
    for overlay, answer in context.answers.items():
        if answer.error:
            yield Finding(overlay.top.file, 1, "render", reason(answer.error), (overlay.name,))


def reason(error: str) -> str:
    """Return kustomize's error in one line, without the folders that led to it."""
    return " ".join(WRAPPED.sub("", error).split())
