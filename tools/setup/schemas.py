"""Make the schemas that kubeconform reads from those of the package kubernetes-validate.

The package's files refer to `/api/_definitions.json`, which kubeconform does not resolve. Here
each kind gets a file that holds the definitions it needs and refers to nothing outside itself.
"""

import json
import re
import shutil
import tempfile
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from tools.command import ROOT, ToolError, exit_with, say

SCHEMAS = ROOT / ".tools" / "schemas"
LOCATION = (
    f"{SCHEMAS}/{{{{.NormalizedKubernetesVersion}}}}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
)
MINORS = 4
PACKAGE = "kubernetes-validate"
FORMAT = 2  # of what is written here: raise it to have every copy made again
# Fields that a version knows but drops without a word, because their feature gate is off there: by
# definition, the first minor that has the gate on by default.
GATED = {"HPAScalingRules": {"tolerance": (1, 35)}}
REFERENCE = re.compile(r"^(/api/_definitions\.json)?#/\$defs/(?P<name>[^/]+)$")

Schema = dict[str, Any]


def source() -> Path:
    """Return the package's folder of schemas."""
    try:
        return Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema"
    except ModuleNotFoundError:
        raise ToolError(f"the package {PACKAGE} is not installed: run this through make") from None


def minors(folder: Path) -> list[str]:
    """Return the newest Kubernetes versions that the package describes, newest first."""
    found = [re.fullmatch(r"v(\d+)\.(\d+)\.0-local-strict", path.name) for path in folder.iterdir()]
    numbers = sorted(((int(m[1]), int(m[2])) for m in found if m), reverse=True)
    if len(numbers) < MINORS:
        raise ToolError(f"{PACKAGE} has schemas for {len(numbers)} versions, not {MINORS}")
    return [f"{major}.{minor}.0" for major, minor in numbers[:MINORS]]


def is_kind(schema: Schema) -> bool:
    """Return whether a schema describes an object that can be applied."""
    return schema.keys() >= {"x-kubernetes-group-version-kind", "properties"} and schema[
        "properties"
    ].keys() >= {"apiVersion", "kind", "metadata"}


def localize(node: Any, needed: set[str]) -> Any:
    """Return a schema whose references point into itself; adds the definitions they need to a set.

    Descriptions are left out: they are most of the text, and nothing is validated by them.
    """
    if isinstance(node, list):
        return [localize(member, needed) for member in node]
    if not isinstance(node, dict):
        return node
    result = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str):
            match = REFERENCE.match(value)
            if not match:
                raise ToolError(f"{PACKAGE} has a reference of an unknown form: {value}")
            needed.add(match["name"])
            result[key] = f"#/$defs/{match['name']}"
        # A property may be called description or $id; its value is a schema then, not a text.
        elif key not in ("description", "$id") or isinstance(value, dict):
            result[key] = localize(value, needed)
    return result


def self_contained(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return a schema with a copy of each definition that it needs, at any depth."""
    pending: set[str] = set()
    result: Schema = localize(schema, pending)
    held: dict[str, Schema] = {}
    while pending:
        name = pending.pop()
        further: set[str] = set()
        held[name] = localize(definitions[name], further)
        pending |= further - held.keys()
    return {**result, "$defs": held}


def as_by_default(definitions: dict[str, Schema], version: str) -> dict[str, Schema]:
    """Return the definitions of a version without fields whose feature gate is off by default."""
    major, minor, _ = map(int, version.split("."))
    for name, schema in definitions.items():
        for field, since in GATED.get(name.rpartition(".")[2], {}).items():
            if (major, minor) < since:
                del schema["properties"][field]
    return definitions


def write(folder: Path, into: Path, version: str) -> int:
    """Write the kinds of a version from the package's folder into another; return how many."""
    definitions = json.loads((folder / "_definitions.json").read_bytes())["$defs"]
    definitions = as_by_default(definitions, version)
    into.mkdir()
    count = 0
    for path in folder.glob("*.json"):
        schema = json.loads(path.read_bytes())
        if is_kind(schema):
            text = json.dumps(self_contained(schema, definitions), separators=(",", ":"))
            (into / path.name).write_text(text, encoding="utf-8")
            count += 1
    return count


def ensure() -> list[str]:
    """Make the schemas unless they exist, and return their Kubernetes versions."""
    folder = source()
    versions = minors(folder)
    stamp = f"{PACKAGE} {version(PACKAGE)}, format {FORMAT}, {' '.join(versions)}\n"
    stamped = SCHEMAS / "stamp"
    if stamped.is_file() and stamped.read_text(encoding="utf-8") == stamp:
        return versions
    SCHEMAS.parent.mkdir(exist_ok=True)
    # Beside the target, so that renaming it into place is one step: nobody sees half of it.
    with tempfile.TemporaryDirectory(dir=SCHEMAS.parent, prefix="schemas-") as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        for minor in versions:
            count = write(folder / f"v{minor}-local-strict", made / f"v{minor}", minor)
            say(f"schemas: Kubernetes {minor}, {count} kinds")
        (made / "stamp").write_text(stamp, encoding="utf-8")
        shutil.rmtree(SCHEMAS, ignore_errors=True)
        made.rename(SCHEMAS)
    return versions


if __name__ == "__main__":
    exit_with(lambda: say(f"schemas: ready for Kubernetes {', '.join(ensure())}"))
