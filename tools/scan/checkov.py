"""checkov: every check of its own that an object, the Dockerfile or a workflow fails."""

import json
import re

from tools.command import ROOT, ToolError, complain
from tools.scan.material import Material, Place, tree
from tools.scan.scanner import Finding, Report, gather

NAME = "checkov"
CONTROLS = re.compile("CKV2?_")
FILES: tuple[str, ...] = ("*",)
PROOF = frozenset(
    {
        Finding(Place("careless", "Pod/careless"), "CKV_K8S_16"),
        Finding(Place("", "careless/Dockerfile"), "CKV_DOCKER_8"),
        Finding(Place("", "careless/.github/workflows/careless.yaml"), "CKV_GHA_2"),
    }
)
PROGRAM = ROOT / ".tools" / "checkov" / "bin" / "checkov"
ARGUMENTS = (
    *("--directory", ".", "--framework", "kubernetes", "dockerfile", "github_actions"),
    *("--skip-download", "--compact", "--output", "json"),
)
# Its schema of workflows is older than these, and a file that it does not understand it passes over
# in silence: a right that is newer, and a matrix that an expression makes.
NEWER = {
    re.compile(r"^ +attestations: \w+.*\n", re.MULTILINE): "",
    re.compile(
        r"^( +)include: >-\n(?:\1 .*\n)+", re.MULTILINE
    ): "\\1include: [{from: expression}]\n",
}
FINDINGS = 1  # its exit status when it has some; any higher one is a crash


def absent() -> str:
    """Return nothing: make installs it."""
    return ""


def scan(material: Material) -> Report:
    """Return what fails, with no question to any server."""
    files_it_reads = {path: understood(text) for path, text in material.files.items()}
    with tree(Material(material.overlays, files_it_reads)) as files:
        done = files.run(
            [PROGRAM, *ARGUMENTS],
            missing="`make scan` installs it",
            CKV_SKIP_PACKAGE_UPDATE_CHECK="true",
        )
    try:
        if done.returncode > FINDINGS:
            raise complain(done, NAME)
        return read(done.stdout, files.places)
    except ValueError:
        raise complain(done, NAME) from None


def understood(text: str) -> str:
    """Return a workflow without what checkov has no word for yet."""
    for pattern, by in NEWER.items():
        text = pattern.sub(by, text)
    return text


def read(said: str, places: dict[str, Place]) -> Report:
    """Return the report that checkov's JSON tells: one part a framework, or a bare one for one.

    What it skipped for an annotation's sake counts as failed: only k8s/exceptions.yaml excuses.
    """
    parsed = json.loads(said)
    told: list[tuple[Finding, str]] = []
    seen: set[Place] = set()
    for part in parsed if isinstance(parsed, list) else [parsed]:
        results = part.get("results", {})
        if unread := results.get("parsing_errors"):
            raise ToolError(f"{NAME} cannot read {', '.join(unread)}")
        for outcome in ("passed_checks", "failed_checks", "skipped_checks"):
            for each in results.get(outcome, []):
                place = places[each["file_path"].lstrip("/")]
                seen.add(place)
                if outcome != "passed_checks":
                    # An object's lines are those of a copy, so they would lead nowhere.
                    line = "" if place.overlay else f", line {each['file_line_range'][0]}"
                    told.append((Finding(place, each["check_id"]), each["check_name"] + line))
    return Report(gather(told), seen)
