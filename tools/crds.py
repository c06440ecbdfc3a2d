"""Make the schemas of the custom resources that the components hold, for kubeconform to read.

They come from the operators' own definitions, out of the modules of the versions named here. What
is made is kept in git, so that validating needs no network: run this again when a version changes.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from tools.command import ROOT, ToolError, complain, exit_with, run, say

FOLDER = ROOT / "tools" / "definitions"
LOCATION = f"{FOLDER}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
SOURCES = {
    "github.com/external-secrets/external-secrets@v1.3.2": [
        "config/crds/bases/external-secrets.io_externalsecrets.yaml"
    ],
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": [
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ],
}

Schema = dict[str, Any]


def strict(node: Any) -> Any:
    """Return a schema that refuses unknown fields, without what nothing is validated by."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    # A property may be called description; its value is a schema then, not a text.
    result = {
        key: strict(value)
        for key, value in node.items()
        if not key.startswith("x-kubernetes-")
        and not (key == "description" and isinstance(value, str))
    }
    closed = not node.get("x-kubernetes-preserve-unknown-fields")
    if closed and node.get("type") == "object" and "properties" in node:
        result.setdefault("additionalProperties", False)
    return result


def convert(definition: Schema, source: str) -> tuple[str, Schema]:
    """Return the schema of the version that a definition stores, and its file's name."""
    spec = definition["spec"]
    (stored,) = [each for each in spec["versions"] if each["storage"]]
    group = spec["group"].partition(".")[0]
    name = f"{spec['names']['kind'].lower()}-{group}-{stored['name']}.json"
    return name, {"$comment": source, **strict(stored["schema"]["openAPIV3Schema"])}


def download(module: str) -> Path:
    """Fetch a module, checked against Go's checksum database, and return its folder."""
    done = run(["go", "mod", "download", "-json", module], missing="install Go")
    try:
        return Path(json.loads(done.stdout)["Dir"])
    except (ValueError, KeyError):
        raise complain(done, module) from None


def main() -> None:
    """Run the tool."""
    FOLDER.mkdir(exist_ok=True)
    for module, paths in SOURCES.items():
        folder = download(module)
        for path in paths:
            definition = yaml.safe_load((folder / path).read_text(encoding="utf-8"))
            if definition["kind"] != "CustomResourceDefinition":
                raise ToolError(f"{module}: {path} defines no custom resource")
            name, schema = convert(definition, module)
            text = json.dumps(schema, separators=(",", ":"), sort_keys=True)
            (FOLDER / name).write_text(text + "\n", encoding="utf-8")
            say(f"{(FOLDER / name).relative_to(ROOT)}: {module}")


if __name__ == "__main__":
    exit_with(main)
