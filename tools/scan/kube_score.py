"""kube-score: the critical findings in an overlay."""

import json
import re

from tools.command import ROOT, failure, run
from tools.scan.material import Material, Place
from tools.scan.scanner import Finding, Found, Report, gather
from tools.setup import schemas

NAME = "kube-score"
CONTROLS = re.compile("[a-z]")
FILES: tuple[str, ...] = ()
PROOF = frozenset({Finding(Place("careless", "Pod/careless"), "container-image-tag")})
CRITICAL = 1  # the lowest grade


def absent() -> str:
    """Return nothing: make builds it."""
    return ""


def scan(material: Material) -> Report:
    """Return what is critical in each overlay."""
    minor = schemas.minors(schemas.source())[0].rpartition(".")[0]
    found: Found = {}
    scanned: set[Place] = set()
    for env, text in material.overlays.items():
        report = score(env, text, minor)
        found |= report.found
        scanned |= report.scanned
    return Report(found, scanned)


def score(env: str, text: str, minor: str) -> Report:
    """Return what is critical in one overlay, for a minor version of Kubernetes."""
    done = run(
        [
            ROOT / ".tools" / "kube-score",
            *("score", "--output-format", "json", "--kubernetes-version", f"v{minor}"),
            # An annotation would excuse an object with no reason and forever.
            *("--disable-ignore-checks-annotations", "-"),
        ],
        stdin=text,
        missing="`make scan` builds it",
    )
    try:
        objects = json.loads(done.stdout) or []
    except ValueError:
        raise failure(done, NAME) from None
    checked = [
        (Place(env, f"{manifest['type_meta']['kind']}/{manifest['object_meta']['name']}"), result)
        for manifest in objects
        for result in manifest["checks"]
    ]
    critical = [
        (Finding(place, result["check"]["id"]), comment["summary"])
        for place, result in checked
        if result["grade"] == CRITICAL and not result["skipped"]
        for comment in result["comments"]
    ]
    return Report(gather(critical), {place for place, _ in checked})
