"""The pipeline goes from rendering to scanning, by make targets that a person can run."""

import re
from collections.abc import Iterator

import pytest

from tests.makefile.files import MAKEFILE
from tests.workflows.files import TEXTS, ancestors, calls, parsed, steps, targets
from tests.workflows.rules import HISTORY
from tools.command import ROOT

RULES = {
    target: prerequisites.split("##")[0].split()
    for target, prerequisites in re.findall(
        r"^([a-z][a-z0-9-]*):(?! ENV)(.*)$", MAKEFILE, re.MULTILINE
    )
}
CI = parsed(TEXTS["ci.yaml"])
# Render, validate, build, apply to K3d, probe, scan.
MISSION = ("render", "validate", "save", "cluster", "deploy", "probe", "e2e", "kubescape-cluster")
ACTS = "it acts on GitHub: tests/tools/github has a gh that answers from a script"
FETCHES = "it fetches a program, rules or a database from servers that .ci/run cannot reach: "
NEEDS_GITHUB = {
    "cluster": f"{FETCHES}the images of K3s; .ci/run has a cluster of its own",
    "comment": ACTS,
    "declare": "it tells a ledger that somebody runs: tests/gitops/test_declare.py has one",
    "deliver": "it acts on GitHub: tests/tools/release/test_deliver.py has a gh of its own",
    "downloads": f"{FETCHES}tests/tools/setup/test_download.py has programs of its own",
    "flood": "it takes long: the same tests run in make test, with a smaller flood",
    "fuzz": "it takes an hour: the same tests run in make test, with few examples",
    "kubescape": f"{FETCHES}tests/k8s/test_controls.py holds the same controls",
    "kubescape-cluster": f"{FETCHES}what is deployed is what kubescape reads",
    "propose": ACTS,
    "publish-package": "it publishes on PyPI, which trusts one workflow",
    "release-page": "it acts on GitHub: what it writes is what release-notes prints",
    "scan-image": f"{FETCHES}Trivy's vulnerabilities",
    "scan-overlays": f"{FETCHES}Trivy; where there is one, make scan has it read the same",
    "scan-released": f"{FETCHES}Trivy's vulnerabilities, and the released images",
    "status": "it asks a ledger that knows of releases: tests/gitops/test_status.py has one",
    "upload-sarif": ACTS,
}


def with_prerequisites(target: str) -> Iterator[str]:
    """Yield a target and every one that it needs."""
    yield target
    for each in RULES.get(target, ()):
        if each in RULES:
            yield from with_prerequisites(each)


def exercised() -> set[str]:
    """Return the targets that .ci/run calls, with what they need, and those of the rehearsal."""
    rehearsal = (ROOT / "tests" / "e2e" / "test_release.py").read_text(encoding="utf-8")
    rehearsed = {target for target in RULES if f'"{target}"' in rehearsal}
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    called = re.sub(r'^stage "[^"]*" (?:env \S+ )?', "", script, flags=re.MULTILINE)
    return rehearsed | {each for name in targets(called) for each in with_prerequisites(name)}


def called() -> set[str]:
    """Return the targets that the workflows call."""
    return {target for text in TEXTS.values() for _, target in calls(parsed(text))}


def test_the_pipeline_renders_validates_builds_applies_probes_and_scans_in_that_order() -> None:
    path = ancestors(CI, "cluster")
    made = [target for job in path for where, target in calls(CI) if where == job]

    assert [target for target in dict.fromkeys(made) if target in MISSION] == list(MISSION)


@pytest.mark.parametrize("env", ["dev", "staging", "prod"])
def test_every_overlay_is_rendered(env: str) -> None:
    assert f"make render ENV={env}\n" in TEXTS["ci.yaml"]


def test_nothing_is_published_before_everything_has_passed() -> None:
    before = set(ancestors(CI, "publish"))

    assert before >= {"test", "manifests", "image", "image-scan", "cluster"}


def test_what_is_deployed_and_published_is_what_was_built_and_scanned() -> None:
    compares = "SHA256: ${{ needs.image.outputs.sha256 }}"
    jobs = {name for name, step in steps(CI) if compares.split(": ")[1] in str(step.get("env"))}
    assert jobs == {"image-scan", "cluster", "publish"}
    for target in ("deploy ENV=dev", "e2e", "push"):
        assert f"make {target} IMAGE_TAR=.build/image.tar" in TEXTS["ci.yaml"]


def test_network_policies_are_enforced_wherever_every_overlay_is_tried() -> None:
    every = [step for text in TEXTS.values() for _, step in steps(parsed(text))]
    tried = [step for step in every if "e2e" in targets(step.get("run", ""))]
    assert len(tried) == 2
    assert all(step["env"]["REQUIRE_POLICIES"] == "1" for step in tried)


def test_every_target_that_a_workflow_calls_exists() -> None:
    assert called() <= RULES.keys()


def test_every_target_that_a_workflow_calls_is_exercised_or_needs_github() -> None:
    assert called() - exercised() == NEEDS_GITHUB.keys() & called()


def test_the_list_of_those_that_need_github_names_no_other() -> None:
    assert NEEDS_GITHUB.keys() <= called() - exercised()


def test_the_list_of_those_that_read_history_names_targets() -> None:
    assert HISTORY.keys() <= RULES.keys()
