"""The rules of the repository are set from its own files, once or again, by who may."""

import json
import sys

import pytest

from tests.tools.conftest import FakeProgram
from tests.tools.github.description import faults
from tests.workflows.files import TEXTS, parsed
from tools.command import ToolError
from tools.github import rules

MAIN = json.loads((rules.RULESETS / "main.json").read_text(encoding="utf-8"))


POLICIES = "repos/acme/slipway/environments/promotion/deployment-branch-policies"


@pytest.fixture
def github(gh: FakeProgram) -> FakeProgram:
    """A repository without rules and settings."""
    gh.answer("rulesets", "[[]]")
    gh.answer("deployment-branch-policies", '[{"total_count": 0, "branch_policies": []}]')
    gh.answer("--method POST", "{}")
    gh.answer("--method PUT", "{}")
    return gh


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["rules", "--repository", "acme/slipway"])


def sent(gh: FakeProgram) -> dict[str, object]:
    """Return what was sent, by method and path."""
    calls = [call for call in gh.calls if "--input" in call["argv"]]
    return {" ".join(call["argv"][2:4]): json.loads(call["stdin"]) for call in calls}


def test_a_repository_without_rules_gets_them(github: FakeProgram) -> None:
    rules.main()

    assert sent(github)["POST repos/acme/slipway/rulesets"]
    assert "PUT repos/acme/slipway/private-vulnerability-reporting" in sent(github)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/environments/promotion", {"deployment_branch_policy": {"protected": True}}),
        ("PUT", "/environments/promotion", {"branch_policy": None}),
        ("POST", "/environments/promotion/deployment-branch-policies", {"branch": "main"}),
        ("POST", "/rulesets", {"name": "main", "enforcement": "on"}),
        ("PATCH", "/settings", {}),
    ],
)
def test_a_request_that_github_does_not_describe_is_found(
    method: str, path: str, body: object
) -> None:
    assert faults(method, f"repos/acme/slipway{path}", body)


def policy(number: int, name: str, kind: str = "branch") -> dict[str, object]:
    return {"id": number, "name": name, "type": kind}


def test_secrets_of_environments_are_for_jobs_on_main_alone(github: FakeProgram) -> None:
    rules.main()

    chosen = sent(github)["PUT repos/acme/slipway/environments/promotion"]
    assert chosen == {
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}
    }
    assert sent(github)[f"POST {POLICIES}"] == {"name": "main", "type": "branch"}


def test_what_else_may_deploy_may_not_any_more(github: FakeProgram) -> None:
    named = [policy(1, "main"), policy(2, "release/*"), policy(3, "main", "tag")]
    github.answer(POLICIES, json.dumps([{"total_count": 3, "branch_policies": named}]))
    rules.main()

    assert f"POST {POLICIES}" not in sent(github)
    assert {f"DELETE {POLICIES}/2", f"DELETE {POLICIES}/3"} <= sent(github).keys()
    assert f"DELETE {POLICIES}/1" not in sent(github)


def test_rules_that_are_there_are_replaced(github: FakeProgram) -> None:
    github.answer("rulesets", json.dumps([[{"id": 3, "name": "main"}, {"id": 4, "name": "other"}]]))
    github.answer("--method PUT", "{}")
    rules.main()

    assert sent(github)["PUT repos/acme/slipway/rulesets/3"] == MAIN
    assert "PUT repos/acme/slipway/rulesets/4" not in sent(github)


@pytest.mark.parametrize(
    ("refused", "named"),
    [
        ("default-setup", "CodeQL .*"),
        ("--method POST repos/acme/slipway/rulesets", "the ruleset main: .*"),
        ("deployment-branch-policies --input", "the environment declaration: .*"),
    ],
)
def test_what_a_plan_does_not_have_is_named_and_the_rest_is_set(
    github: FakeProgram, refused: str, named: str
) -> None:
    github.answer(refused, err="HTTP 403: upgrade to have it", status=1)

    with pytest.raises(ToolError, match=rf"^not set: {named}upgrade to have it"):
        rules.main()
    assert "PATCH repos/acme/slipway" in sent(github)


def test_what_must_pass_before_a_merge_is_a_job_of_the_pipeline() -> None:
    jobs = {job["name"] for job in parsed(TEXTS["ci.yaml"])["jobs"].values()}
    (checks,) = [rule for rule in MAIN["rules"] if rule["type"] == "required_status_checks"]
    required = {each["context"] for each in checks["parameters"]["required_status_checks"]}

    # The others run on main only, or show what these have found.
    assert jobs - required == {"Publish the image", "Show the findings in code scanning"}
    assert required <= jobs
