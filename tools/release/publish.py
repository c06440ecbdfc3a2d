"""Push the packed chart or the packed manifests to a registry, and note the digest in .build/.

The manifests are one artefact as Argo CD and Flux both take it: Flux's own client names the type of
the configuration.
"""

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path

from gitops.images import DIGEST
from gitops.revision import Clone
from tools.command import ROOT, ToolError, exit_with, failure, run, say

HELM, ORAS = ROOT / ".tools" / "helm", ROOT / ".tools" / "oras"
BUILD = ROOT / ".build"
PUSHED = re.compile(r"^Digest: *(sha256:[0-9a-f]{64})$", re.MULTILINE)
CONFIG = "application/vnd.cncf.flux.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def packed(name: str) -> Path:
    """Return a file that `make pack` wrote. Raises ToolError if there is none."""
    path = BUILD / "packed" / name
    if not path.is_file():
        raise ToolError("pack them first: make pack")
    return path


def chart(registry: str, version: str, *options: str) -> str:
    """Push the chart to a registry's folder `charts` and return its digest."""
    archive = packed(f"slipway-{version}.tgz")
    done = run([HELM, "push", *options, archive, f"oci://{registry}/charts"])
    # Helm writes it to standard error.
    found = PUSHED.search(done.stdout + done.stderr)
    if done.returncode or not found:
        raise failure(done, f"helm push to {registry}/charts")
    return found[1]


def manifests(registry: str, version: str, *options: str) -> str:
    """Push the manifests to a registry's folder `manifests` and return their digest."""
    archive = packed("manifests.tar.gz")
    (archive.parent / "config.json").write_text("{}\n", encoding="utf-8")
    target = f"{registry}/manifests/slipway:{version}"
    clone = Clone(ROOT)
    made = datetime.fromtimestamp(int(clone.git("log", "-1", "--format=%ct")), UTC)
    annotations = {
        "created": f"{made:%Y-%m-%dT%H:%M:%SZ}",
        "revision": clone.commit("HEAD"),
    }
    argv: list[str | Path] = [
        ORAS,
        "push",
        *options,
        "--no-tty",
        "--format",
        "go-template={{.digest}}",
    ]
    for name, value in annotations.items():
        argv += ["--annotation", f"org.opencontainers.image.{name}={value}"]
    argv += ["--config", f"config.json:{CONFIG}", target, f"{archive.name}:{LAYER}"]
    done = run(argv, cwd=archive.parent)
    if done.returncode or not DIGEST.fullmatch(done.stdout.strip()):
        raise failure(done, f"oras push to {target}")
    return done.stdout.strip()


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.publish", description=__doc__)
    parser.add_argument("what", choices=["chart", "manifests"])
    parser.add_argument("--registry", required=True, help="with the folder of the image")
    parser.add_argument("--version", required=True)
    parser.add_argument("--plain-http", action="store_true", help="for a registry without TLS")
    given = parser.parse_args()
    options = ["--plain-http"] if given.plain_http else []
    push, file = {"chart": (chart, "charts"), "manifests": (manifests, "manifests")}[given.what]
    noted = BUILD / f"{file}.digest"
    noted.unlink(missing_ok=True)  # a push that fails leaves nothing to sign
    digest = push(given.registry.rstrip("/"), given.version, *options)
    noted.write_text(f"{digest}\n", encoding="utf-8")
    say(f"{given.what}: {digest}")


if __name__ == "__main__":
    exit_with(main)
