"""Make kubeconform's schemas of the custom resources that this repository uses.

They come from the operators' and controllers' own definitions, out of the modules of the versions
named here. What is made is kept in git, so that validating needs no network: run this again when a
version changes.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tools.command import ROOT, ToolError, exit_with, failure, run, say

FOLDER = ROOT / "tools" / "definitions"
LOCATION = f"{FOLDER}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
NOTIFICATIONS = "github.com/fluxcd/notification-controller/api@v1.10.0"
SOURCES = {
    "github.com/argoproj/argo-cd/v3@v3.6.1": [
        "manifests/crds/application-crd.yaml",
        "manifests/crds/applicationset-crd.yaml",
        "manifests/crds/appproject-crd.yaml",
    ],
    "github.com/cloudnative-pg/cloudnative-pg@v1.30.0": [
        "config/crd/bases/postgresql.cnpg.io_clusters.yaml",
        "config/crd/bases/postgresql.cnpg.io_scheduledbackups.yaml",
    ],
    "github.com/cloudnative-pg/plugin-barman-cloud@v0.15.0": [
        "config/crd/bases/barmancloud.cnpg.io_objectstores.yaml"
    ],
    "github.com/external-secrets/external-secrets@v1.3.2": [
        "config/crds/bases/external-secrets.io_externalsecrets.yaml"
    ],
    "github.com/fluxcd/kustomize-controller@v1.10.1": [
        "config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"
    ],
    NOTIFICATIONS: [
        "notification.toolkit.fluxcd.io_alerts.yaml",
        "notification.toolkit.fluxcd.io_providers.yaml",
    ],
    "github.com/fluxcd/source-controller@v1.10.1": [
        "config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml"
    ],
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": [
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ],
    "sigs.k8s.io/gateway-api@v1.7.0": [
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"
    ],
}
# Of these there are only the Go types: controller-gen makes the files, as in their own build.
GENERATED = {NOTIFICATIONS}
GENERATOR = "sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0"
# A module may need a newer Go than this machine has.
GO = {"GOTOOLCHAIN": "auto", "GOFLAGS": "", "GOWORK": "off"}

Schema = dict[str, Any]


def strict(node: Any) -> Any:
    """Return a schema that refuses unknown fields, without what validates nothing."""
    if isinstance(node, list):
        return [strict(member) for member in node]
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
    """Return the file name and the schema of the version that a definition stores."""
    spec = definition["spec"]
    (stored,) = [version for version in spec["versions"] if version["storage"]]
    group = spec["group"].partition(".")[0]
    name = f"{spec['names']['kind'].lower()}-{group}-{stored['name']}.json"
    return name, {"$comment": source, **strict(stored["schema"]["openAPIV3Schema"])}


def download(module: str) -> Path:
    """Fetch a module, checked against Go's checksum database, and return its folder."""
    done = run(
        ["go", "mod", "download", "-json", module],
        env={**os.environ, **GO},
        missing="install Go",
    )
    try:
        return Path(json.loads(done.stdout)["Dir"])
    except (ValueError, KeyError):
        raise failure(done, module) from None


def generate(module: Path, into: Path) -> Path:
    """Write the definitions of a module's Go types into a folder, and return that folder."""
    argv = ["go", "run", GENERATOR, "crd", "paths=./...", f"output:crd:dir={into}"]
    done = run(argv, cwd=module, env={**os.environ, **GO}, missing="install Go")
    if done.returncode:
        raise failure(done, str(module))
    return into


def main() -> None:
    """Run the tool."""
    FOLDER.mkdir(exist_ok=True)
    for module, paths in SOURCES.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = download(module)
            if module in GENERATED:
                folder = generate(folder, Path(temporary))
            for path in paths:
                write(module, folder / path)


def write(module: str, path: Path) -> None:
    """Write the schema of a module's definition."""
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    if definition["kind"] != "CustomResourceDefinition":
        raise ToolError(f"{module}: {path} defines no custom resource")
    name, schema = convert(definition, module)
    text = json.dumps(schema, separators=(",", ":"), sort_keys=True)
    (FOLDER / name).write_text(text + "\n", encoding="utf-8")
    say(f"{(FOLDER / name).relative_to(ROOT)}: {module}")


if __name__ == "__main__":
    exit_with(main)
