"""What kubeconform says of objects, which it is given in as few files as their names allow."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gitops import kubeconform
from gitops.kubeconform import Verdict
from gitops.objects import Object

Identity = tuple[str, str, str]  # of an object in a verdict: apiVersion, kind and name
PAIR = re.compile(r"\\ud[89ab]..\\ud[c-f]..")
SOPS = "sops"  # what SOPS adds to an object that it encrypts, and takes away before it is applied


def validated(
    things: Iterable[Object], version: str, locations: tuple[str, ...]
) -> dict[int, list[Verdict]]:
    """Return what kubeconform says of objects, by the id of their data: many overlays have one."""
    distinct = {id(thing.data): thing for thing in things}
    found: dict[int, list[Verdict]] = {key: [] for key in distinct}
    files = batches(distinct)
    while files:
        unclear: dict[int, Identity] = {}
        for number, verdict in judged(files, distinct, version, locations):
            batch = files[number]
            its = verdict.version, verdict.kind, verdict.name
            if len(batch) > 1 and its not in batch:
                unclear |= {key: name for name, key in batch.items()}
            else:
                found[batch.get(its, next(iter(batch.values())))].append(verdict)
        found |= {key: [] for key in unclear}
        files = [{name: key} for key, name in unclear.items()]
    return found


def judged(
    files: list[dict[Identity, int]],
    things: dict[int, Object],
    version: str,
    locations: tuple[str, ...],
) -> list[tuple[int, Verdict]]:
    """Return what kubeconform says of objects, with the number of the file that each is in."""
    with tempfile.TemporaryDirectory(prefix="gitops-") as folder:
        for number, batch in enumerate(files):
            text = "\n---\n".join(written(things[key]) for key in batch.values())
            Path(folder, f"{number}.yaml").write_text(text, encoding="utf-8")
        verdicts = kubeconform.validate([Path(folder)], version, locations)
    return [(int(Path(verdict.file).stem), verdict) for verdict in verdicts]


def written(thing: Object) -> str:
    """Return an object as JSON: that is YAML but for its pairs of surrogates, and quicker."""
    return PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(plain(thing)))


def batches(things: dict[int, Object]) -> list[dict[Identity, int]]:
    """Return the keys of objects by what a verdict calls them, as few files as that allows.

    What is no plain object, or is a list of others, has a file of its own.
    """
    found: list[dict[Identity, int]] = []
    alone: list[dict[Identity, int]] = []
    number: Counter[Identity] = Counter()
    for key, thing in things.items():
        metadata = thing.get("metadata", default={})
        parts = thing.data.get("apiVersion"), thing.data.get("kind"), metadata.get("name")
        its = str(parts[0]), str(parts[1]), str(parts[2])
        is_plain = its == parts and all(its) and "generateName" not in metadata
        is_plain = is_plain and isinstance(metadata.get("namespace", ""), str)
        if not is_plain or its[1].endswith("List"):
            alone.append({its: key})
            continue
        if number[its] == len(found):
            found.append({})
        found[number[its]][its] = key
        number[its] += 1
    return found + alone


def plain(thing: Object) -> dict[str, Any]:
    """Return an object without what SOPS adds to one that it encrypts."""
    return {key: value for key, value in thing.data.items() if key != SOPS}
