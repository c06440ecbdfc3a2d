"""Secrets in any commit or uncommitted change, by gitleaks."""

import json
import secrets
import string
import tempfile
from pathlib import Path

from gitops.revision import Clone
from tools.command import ROOT, ToolError, failure, run

PROGRAM = ROOT / ".tools" / "gitleaks"
CONFIG = ROOT / "tools" / "gitleaks" / "gitleaks.toml"
# The values themselves are in no output: a log is read by more people than a repository's history.
ARGUMENTS = (
    *("--config", str(CONFIG), "--ignore-gitleaks-allow"),
    *("--report-format", "json", "--report-path", "-", "--redact", "--no-banner"),
    *("--log-level", "error", "--no-color"),
)
FOUND = 1  # its exit status when it has some


def leaks(*argv: str | Path) -> list[str]:
    """Return the place and kind of each secret that gitleaks finds."""
    done = run([PROGRAM, *argv, *ARGUMENTS], missing="`make scan` builds it")
    try:
        # A commit that git cannot read is an error to gitleaks, and then "no leaks found".
        if done.returncode > FOUND or done.stderr:
            raise failure(done, "gitleaks")
        return [
            f"{leak['File']}:{leak['StartLine']}: {leak['RuleID']}"
            + f" in {leak['Commit'][:12]}" * bool(leak["Commit"])
            for leak in json.loads(done.stdout)
        ]
    except ValueError:
        raise failure(done, "gitleaks") from None


def token() -> str:
    """Return a random text in the form of a GitHub token: one in this file would be a finding."""
    letters = string.ascii_letters + string.digits
    return "ghp_" + "".join(secrets.choice(letters) for _ in range(36))


def prove() -> None:
    """Raise ToolError unless a token in a file is found."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "settings.py").write_text(f'TOKEN = "{token()}"\n', encoding="utf-8")
        if len(leaks("dir", folder)) != 1:
            raise ToolError("gitleaks missed the test token: its results cannot be trusted")


def check(root: Path = ROOT) -> str:
    """Return a line for the summary. Raises ToolError with the place of each secret.

    It also raises for a shallow clone, or one that lacks objects: they could hold secrets.
    """
    prove()
    Clone(root).demand_history("what every commit holds")
    found = leaks("git", root) + leaks("git", root, "--pre-commit")
    if found:
        raise ToolError(f"gitleaks: {'; '.join(found)}: revoke each secret first, then remove it")
    return "gitleaks: no secret in any commit or change"
