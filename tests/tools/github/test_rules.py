"""The rules of the repository are set from its own files, once or again, by who may."""

import json
import sys

import pytest

from tests.tools.conftest import FakeProgram
from tests.workflows.files import TEXTS, parsed
from tools.command import ToolError
from tools.github import rules

MAIN = json.loads((rules.RULESETS / "main.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["rules", "--repository", "acme/slipway"])


def sent(gh: FakeProgram) -> dict[str, object]:
    """Return what was sent, by method and path."""
    calls = [call for call in gh.calls if "--input" in call["argv"]]
    return {" ".join(call["argv"][2:4]): json.loads(call["stdin"]) for call in calls}


def test_a_repository_without_rules_gets_them(gh: FakeProgram) -> None:
    gh.answer("rulesets", "[[]]")
    gh.answer("--method POST", "{}")
    rules.main()

    assert sent(gh)["POST repos/acme/slipway/rulesets"]
    assert "PUT repos/acme/slipway/private-vulnerability-reporting" in sent(gh)


def test_rules_that_are_there_are_replaced(gh: FakeProgram) -> None:
    gh.answer("rulesets", json.dumps([[{"id": 3, "name": "main"}, {"id": 4, "name": "other"}]]))
    gh.answer("--method POST", "{}")
    gh.answer("--method PUT", "{}")
    rules.main()

    assert sent(gh)["PUT repos/acme/slipway/rulesets/3"] == MAIN
    assert "PUT repos/acme/slipway/rulesets/4" not in sent(gh)


def test_a_setting_that_a_plan_does_not_have_is_named_and_the_others_are_set(
    gh: FakeProgram,
) -> None:
    gh.answer("rulesets", "[[]]")
    gh.answer("--method POST", "{}")
    gh.answer("default-setup", err="HTTP 403: Code Security must be enabled", status=1)

    with pytest.raises(ToolError, match=r"^not set: CodeQL .*must be enabled$"):
        rules.main()
    assert "PATCH repos/acme/slipway" in sent(gh)


def test_what_must_pass_before_a_merge_is_a_job_of_the_pipeline() -> None:
    jobs = {job["name"] for job in parsed(TEXTS["ci.yaml"])["jobs"].values()}
    (checks,) = [rule for rule in MAIN["rules"] if rule["type"] == "required_status_checks"]
    required = {each["context"] for each in checks["parameters"]["required_status_checks"]}

    # The others run on main only, or show what these have found.
    assert jobs - required == {"Publish the image", "Show the findings in code scanning"}
    assert required <= jobs
