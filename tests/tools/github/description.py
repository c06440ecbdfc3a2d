"""GitHub's own description of the requests that the tools send, and whether one is as described.

`described.json` is an extract of the npm package @octokit/openapi, made anew from its folder by

    python -m tests.tools.github.description FOLDER
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

REPOSITORY = "/repos/{owner}/{repo}"
# What is sent, below the repository.
SENT = (
    ("POST", "/rulesets"),
    ("PUT", "/rulesets/{ruleset_id}"),
    ("PUT", "/actions/permissions/workflow"),
    ("PUT", "/environments/{environment_name}"),
    ("POST", "/environments/{environment_name}/deployment-branch-policies"),
    ("DELETE", "/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}"),
    ("PUT", "/private-vulnerability-reporting"),
    ("PATCH", "/code-scanning/default-setup"),
    ("PATCH", ""),
    ("POST", "/code-scanning/sarifs"),
    ("POST", "/issues/{issue_number}/comments"),
    ("PATCH", "/issues/comments/{comment_id}"),
)
FILE = Path(__file__).with_name("described.json")
WORDS = ("description", "title", "example", "examples", "externalDocs", "x-github")


def extract(package: Path) -> dict[str, Any]:
    """Return the schema of each body that is sent, None where there is none, by method and path."""
    whole = json.loads((package / "generated/api.github.com.deref.json").read_bytes())
    found = {}
    for method, path in SENT:
        operation = whole["paths"][REPOSITORY + path][method.lower()]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        found[f"{method} {path}"] = strict(without_words(body["schema"])) if body else None
    return found


def without_words(node: Any) -> Any:
    """Return a schema without what is said of it for people."""
    if isinstance(node, list):
        return [without_words(each) for each in node]
    if not isinstance(node, dict):
        return node
    # A property may be called description or title; its value is a schema then, not a text.
    return {
        key: without_words(value)
        for key, value in node.items()
        if key not in WORDS or (isinstance(value, dict) and "type" in value)
    }


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that refuses fields which are not described: GitHub ignores them silently."""
    return {**schema, "additionalProperties": False}


def faults(method: str, path: str, body: Any) -> list[str]:
    """Return what is wrong with a request, as GitHub describes it."""
    below = re.sub(r"^repos/[^/]+/[^/]+", "", path)
    for operation, schema in json.loads(FILE.read_text(encoding="utf-8")).items():
        described, _, pattern = operation.partition(" ")
        if described == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), below):
            found = Draft202012Validator(schema or {"maxProperties": 0}).iter_errors(body)
            return [f"{operation}: {each.json_path}: {each.message}" for each in found]
    return [f"{method} {below} is not described"]


if __name__ == "__main__":
    text = json.dumps(extract(Path(sys.argv[1])), indent=1, sort_keys=True)
    FILE.write_text(f"{text}\n", encoding="utf-8")
