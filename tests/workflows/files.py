"""The workflows as they are read here: their jobs, their steps, and the make targets these call."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tools.command import ROOT

FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.y*ml"))}
CALL = re.compile(r"(?:^|[;&|]) *(?:do )?(?:\w+=\S* )*make ([^;&|>\n]*)", re.MULTILINE)
Workflow = dict[Any, Any]  # YAML reads `on` as true


def parsed(text: str) -> Workflow:
    """Return a workflow as a document."""
    document: Workflow = yaml.safe_load(text)
    return document


def steps(workflow: Workflow) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every step with the name of its job; a job that is another workflow has none."""
    for name, job in workflow["jobs"].items():
        for step in job.get("steps", ()):
            yield name, step


def targets(script: str) -> Iterator[str]:
    """Yield the make targets that a script calls, in its order."""
    joined = script.replace("\\\n", " ")
    for call in CALL.findall(joined):
        words = re.sub(r"\"[^\"]*\"|'[^']*'", "", call).split()
        yield from (word for word in words if re.fullmatch(r"[a-z][a-z0-9-]*", word))


def calls(workflow: Workflow) -> Iterator[tuple[str, str]]:
    """Yield each make target that a workflow calls, with the name of its job."""
    for job, step in steps(workflow):
        for target in targets(step.get("run", "")):
            yield job, target


def ancestors(workflow: Workflow, job: str) -> list[str]:
    """Return the jobs that come before a job for certain, in their order, and the job itself."""
    needs = workflow["jobs"][job].get("needs", [])
    before = [
        each
        for need in ([needs] if isinstance(needs, str) else needs)
        for each in ancestors(workflow, need)
    ]
    return [*dict.fromkeys(before), job]
