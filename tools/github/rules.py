"""Apply the rules and settings that the workflows and reviews need to a GitHub repository.

What .github/rulesets/ and SETTINGS below say is set, nothing else is touched, and the same again
changes nothing. It takes an administrator's `gh auth login`.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from tools.command import ROOT, ToolError, exit_with, say
from tools.github.gh import get, origin, send

RULESETS = ROOT / ".github" / "rulesets"
MAIN = "main"
ENVIRONMENTS = ("declaration", "promotion")  # each for a token of the ledger
# By name: with `protected_branches` every branch may deploy where no branch has a protection rule
# of the older kind, whatever the rulesets say.
# https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
BY_NAME = {"protected_branches": False, "custom_branch_policies": True}
Body = Mapping[str, object]
# What for, the method and path below the repository's own, and what is sent there.
SETTINGS: tuple[tuple[str, str, str, Body], ...] = (
    (
        "a workflow's token reads; where a job says so, it opens pull requests",
        "PUT",
        "/actions/permissions/workflow",
        {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True},
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
    own = get(at, includes_parents="false")  # not those of the organisation
    old = next((existing["id"] for existing in own if existing["name"] == ruleset["name"]), None)
    send("PUT", f"{at}/{old}", ruleset) if old else send("POST", at, ruleset)
    say(f"ruleset {ruleset['name']}: {'replaced' if old else 'created'}")


def apply_environment(repository: str, name: str) -> None:
    """Create or change an environment, so that only jobs on the main branch see its secrets."""
    at = f"repos/{repository}/environments/{name}"
    send("PUT", at, {"deployment_branch_policy": BY_NAME})
    policies = f"{at}/deployment-branch-policies"
    named = {
        (policy["name"], policy.get("type", "branch")): policy["id"]
        for policy in get(policies, "branch_policies")
    }
    if named.pop((MAIN, "branch"), None) is None:
        send("POST", policies, {"name": MAIN, "type": "branch"})
    for (other, kind), number in named.items():
        send("DELETE", f"{policies}/{number}", {})
        say(f"environment {name}: the {kind} {other} may no longer deploy")
    say(f"environment {name}: for a token of the ledger, on the branch {MAIN} only")


def apply_setting(repository: str, what: str, method: str, path: str, body: Body) -> None:
    """Send a setting of the repository."""
    send(method, f"repos/{repository}{path}", body)
    say(what)


def steps(repository: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield each setting: its description, and the function that applies it."""
    for path in sorted(RULESETS.glob("*.json")):
        yield f"the ruleset {path.stem}", partial(apply_ruleset, repository, path)
    for name in ENVIRONMENTS:
        yield f"the environment {name}", partial(apply_environment, repository, name)
    for setting in SETTINGS:
        yield setting[0], partial(apply_setting, repository, *setting)


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.github.rules", description=__doc__)
    parser.add_argument("--repository", metavar="OWNER/NAME", help="default: this clone's origin")
    repository = parser.parse_args().repository or origin()
    if not repository:
        raise ToolError("the origin of this clone is not on GitHub: say --repository OWNER/NAME")
    failed = []
    for what, apply in steps(repository):
        try:
            apply()
        except ToolError as error:  # some are for public repositories or paid plans only
            failed.append(f"not set: {what}: {error}")
    if failed:
        raise ToolError("\n".join(failed))


if __name__ == "__main__":
    exit_with(main)
