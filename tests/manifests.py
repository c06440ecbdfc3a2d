"""Manifests as kubeconform judges them, by the schemas that `make validate` uses."""

import tempfile
from pathlib import Path

from gitops import kubeconform
from gitops.kubeconform import Verdict
from tools.setup import crds, schemas


def verdicts(text: str, version: str) -> list[Verdict]:
    """Return a verdict for each object of a stream of documents."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "manifests.yaml")
        file.write_text(text, encoding="utf-8")
        return kubeconform.validate([file], version, (schemas.LOCATION, crds.LOCATION))


def faults(text: str, version: str) -> list[str]:
    """Return every fault, after the kind and the name of its object."""
    return [
        f"{each.kind} {each.name}: {fault}"
        for each in verdicts(text, version)
        for fault in each.faults
    ]
