"""Give a repository on GitHub the rules and settings that its workflows and reviews rest on.

What .github/rulesets/ and SETTINGS below say is set, nothing else is touched, and the same again
changes nothing. It takes an administrator's `gh auth login`.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from tools.command import ROOT, ToolError, exit_with, say
from tools.github.gh import get, gh, send

RULESETS = ROOT / ".github" / "rulesets"
PROTECTED = {"protected_branches": True, "custom_branch_policies": False}
# What for, the method and path below the repository's own, and what is sent there.
SETTINGS: tuple[tuple[str, str, str, Mapping[str, object]], ...] = (
    (
        "a workflow's token reads; where a job says so, it opens pull requests",
        "PUT",
        "/actions/permissions/workflow",
        {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True},
    ),
    *(
        (
            f"the environment `{name}`, for a token of the ledger, on protected branches only",
            "PUT",
            f"/environments/{name}",
            {"deployment_branch_policy": PROTECTED},
        )
        for name in ("declaration", "promotion")
    ),
    ("vulnerabilities can be reported privately", "PUT", "/private-vulnerability-reporting", {}),
    (
        "CodeQL reads every pull request",
        "PATCH",
        "/code-scanning/default-setup",
        {"state": "configured"},
    ),
    (
        "secrets are found, and refused when they are pushed",
        "PATCH",
        "",
        {
            "security_and_analysis": {
                "secret_scanning": {"status": "enabled"},
                "secret_scanning_push_protection": {"status": "enabled"},
            }
        },
    ),
)


def apply_ruleset(repository: str, path: Path) -> None:
    """Create a ruleset, or replace the one of the same name."""
    ruleset = json.loads(path.read_text(encoding="utf-8"))
    at = f"repos/{repository}/rulesets"
    old = next((each["id"] for each in get(at) if each["name"] == ruleset["name"]), None)
    send("PUT", f"{at}/{old}", ruleset) if old else send("POST", at, ruleset)
    say(f"ruleset {ruleset['name']}: {'replaced' if old else 'created'}")


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.github.rules", description=__doc__)
    parser.add_argument(
        "--repository", metavar="OWNER/NAME", help="default: the one that gh sees in this clone"
    )
    given = parser.parse_args().repository
    repository = given or gh("repo", "view", "--json", "nameWithOwner", "--jq", ".nameWithOwner")
    repository = repository.strip()
    for ruleset in sorted(RULESETS.glob("*.json")):
        apply_ruleset(repository, ruleset)
    failed = []
    for what, method, path, body in SETTINGS:
        try:
            send(method, f"repos/{repository}{path}", body)
            say(what)
        except ToolError as error:  # some are for public repositories or paid plans only
            failed.append(f"not set: {what}: {error}")
    if failed:
        raise ToolError("\n".join(failed))


if __name__ == "__main__":
    exit_with(main)
