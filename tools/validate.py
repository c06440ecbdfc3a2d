"""Validate manifests against the schemas of the supported Kubernetes versions, offline.

A PATH is a YAML file or a kustomization folder; a component is validated as a part of an overlay.
Without one, every overlay is validated, every component that no overlay takes, and what points a
controller at the overlays.
"""

import argparse
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools import overlay
from tools.command import ROOT, ToolError, complain, exit_with, run, say
from tools.setup import crds, schemas

CONFIG = Path("k8s/gitops.yaml")
CONTROLLERS = [Path("k8s/argocd"), Path("k8s/flux")]
# An annotation of a component's kustomization, where an older Kubernetes would drop a field unsaid.
MINIMUM = "minimum-kubernetes"
# kubeconform tells every fault in one text, each after the place where it is.
FAULT = re.compile(r"- (at '.*?': .*?)(?=\s+- at '|\s*$)", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """What kubeconform says of one file against one Kubernetes version."""

    valid: int
    faults: list[str]


def every() -> list[Path]:
    """Return what is validated unless a path is given."""
    overlays = [overlay.OVERLAYS / env for env in overlay.environments()]
    return overlays + optional() + [path for path in CONTROLLERS if (ROOT / path).is_dir()]


def optional() -> list[Path]:
    """Return the components that no overlay takes by default."""
    taken: set[Path] = set()
    for path in (ROOT / overlay.OVERLAYS).glob("*/kustomization.yaml"):
        components = yaml.safe_load(path.read_text(encoding="utf-8")).get("components", [])
        taken |= {(path.parent / each).resolve() for each in components}
    every = sorted((ROOT / overlay.COMPONENTS).iterdir())
    return [overlay.COMPONENTS / each.name for each in every if each not in taken]


def read(path: Path) -> str:
    """Return the manifests of a YAML file, or of a kustomization folder as it renders.

    Raises ToolError for what cannot be read or rendered, or holds no object at all.
    """
    try:
        text = rendered(path) if path.is_dir() else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not text.strip():
        raise ToolError(f"{path}: no objects to validate")
    return text


def rendered(folder: Path) -> str:
    """Render a folder; a component, which may have nothing but patches, in the last overlay."""
    if is_component(folder):
        return overlay.render_with(folder.name, overlay.environments()[-1])
    return overlay.render(folder)


def is_component(path: Path) -> bool:
    """Tell whether a path is one of the components' folders."""
    return (ROOT / path).resolve().parent == ROOT / overlay.COMPONENTS


def known(path: Path, versions: list[str]) -> list[str]:
    """Return the versions that a component says it is for: all, unless it names a minimum."""
    if not is_component(path):
        return versions
    kustomization = yaml.safe_load((ROOT / path / "kustomization.yaml").read_text(encoding="utf-8"))
    annotations = kustomization.get("metadata", {}).get("annotations", {})
    least = minor(annotations.get(MINIMUM, "0.0"))
    return [version for version in versions if minor(version) >= least]


def declared(versions: list[str]) -> list[str]:
    """Return the versions that k8s/gitops.yaml says the overlays are for: all, unless it does."""
    config = yaml.safe_load((ROOT / CONFIG).read_text(encoding="utf-8"))
    named = config["schemas"].get("kubernetes", versions)
    return [version for version in versions if version in named]


def minor(version: str) -> tuple[int, ...]:
    """Return the two numbers of a minor version."""
    return tuple(int(part) for part in version.split(".")[:2])


def check(text: str, version: str) -> Verdict:
    """Validate manifests against one version; an unknown kind is a fault like any other."""
    done = run(
        [
            ROOT / ".tools" / "kubeconform",
            *("-strict", "-verbose", "-output", "json"),
            *("-kubernetes-version", version),
            *("-schema-location", schemas.LOCATION, "-schema-location", crds.LOCATION),
        ],
        stdin=text,
        missing="`make validate` builds it",
    )
    try:
        resources = json.loads(done.stdout)["resources"]
    except (ValueError, KeyError):
        raise complain(done, "kubeconform") from None
    statuses = Counter(each["status"] for each in resources)
    faults = [
        f"{each['kind'] or 'document'} {each['name']}: {reason}".replace(" :", ":")
        for each in resources
        if each["status"] not in ("statusValid", "")  # "" is a document of comments only
        for reason in reasons(each["msg"] or each["status"])
    ]
    if done.returncode and not faults:
        raise complain(done, "kubeconform")
    return Verdict(statuses["statusValid"], sorted(faults))


def reasons(message: str) -> list[str]:
    """Return the faults that a message of kubeconform tells, one line each."""
    found = FAULT.findall(message) or [message]
    return [" ".join(fault.split()) for fault in found]


def validate(paths: list[Path], versions: list[str]) -> int:
    """Print a line for every path and version, and every fault; return the number of faults."""
    count = 0
    for path in paths:
        try:
            text = read(path)
        except ToolError as error:
            say(f"{path}: FAILED\n  {error}")
            count += 1
            continue
        meant = known(path, versions)
        for version in versions:
            if version not in meant:
                say(f"{path}, Kubernetes {version}: left out, the component needs a newer one")
                continue
            verdict = check(text, version)
            state = "FAILED" if verdict.faults or not verdict.valid else "ok"
            say(f"{path}, Kubernetes {version}: {state}, {verdict.valid} objects valid")
            for fault in verdict.faults or ([] if verdict.valid else ["no objects to validate"]):
                say(f"  {path}: {fault}")
                count += 1
    return count


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.validate", description=__doc__)
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path)
    given: list[Path] = parser.parse_args().paths
    paths = given or every()
    if faults := validate(paths, versions := declared(schemas.ensure())):
        raise ToolError(f"{faults} faults in {len(paths)} paths against {len(versions)} versions")
    say(f"{len(paths)} paths are valid for Kubernetes {', '.join(versions)}")


if __name__ == "__main__":
    exit_with(main)
