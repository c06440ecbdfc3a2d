"""Roll out an overlay on the current kube context and wait until it serves.

With --digest the image is the one given; without, the one that the overlay's release/ names. With
--revision the manifests are those of an earlier release. No committed file is touched either way.
What an earlier deployment applied and these manifests do not have is removed at the end.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from gitops.images import DIGEST
from tools import overlay
from tools.cluster import secret
from tools.cluster.kube import Kube, connect, is_ready
from tools.cluster.prune import prune
from tools.cluster.revision import BUILD, overlay_at
from tools.cluster.rollout import wait
from tools.command import ROOT, ToolError, exit_with, say

LOCAL = "dev"  # the environment whose Secrets are made when they are missing
UNRELEASED = f"sha256:{0:064}"  # in release/ until the first promotion


def kustomization(
    base: Path, folder: Path, among: list[overlay.Object], image: dict[str, str], values: list[str]
) -> dict[str, Any]:
    """Return a kustomization for `folder` that changes an overlay's image and settings.

    Raises ToolError for a setting that its ConfigMap does not have: it would reach nothing.
    """
    settings = overlay.find(among, "ConfigMap")
    for value in values:
        key, equals, _ = value.partition("=")
        if not equals or key not in settings["data"]:
            known = ", ".join(sorted(settings["data"]))
            raise ToolError(f"--set {value}: give KEY=VALUE with one of the keys {known}")
    result: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # kustomize refuses absolute paths
        "resources": [os.path.relpath(base, folder)],
    }
    if image:
        result["images"] = [{"name": overlay.image_name(among), **image}]
    if values:
        generated = {
            "name": overlay.NAME,
            "namespace": settings["metadata"]["namespace"],
            "behavior": "merge",
            "literals": values,
        }
        result["configMapGenerator"] = [generated]
    return result


def render(base: Path, image: dict[str, str], values: list[str]) -> str:
    """Render an overlay with another image or other settings, through a temporary kustomization."""
    plain = overlay.render(base)
    if not image and not values:
        return plain
    (ROOT / BUILD).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / BUILD, prefix=f"deploy-{base.name}-") as name:
        folder = Path(name)
        wanted = kustomization(base, folder, overlay.objects(plain), image, values)
        text = yaml.safe_dump(wanted, sort_keys=False)
        (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
        return overlay.render(folder)


def check_secret(kube: Kube, env: str, namespace: str) -> None:
    """Create missing Secrets in dev. Raises ToolError elsewhere if the database's is missing."""
    if env == LOCAL:
        secret.ensure(kube, env)
    elif not secret.exists(kube, namespace):
        raise ToolError(
            f"the secret {secret.SECRET} is missing in {namespace}: "
            f"`make secrets ENV={env}` makes it"
        )
    elif not secret.exists(kube, namespace, secret.ADMIN):
        say(f"secret {secret.ADMIN}: missing in {namespace}; `make secrets ENV={env}` makes it")


def roll_out(kube: Kube, namespace: str, manifests: str, timeout: int) -> None:
    """Apply manifests and wait for the rollouts, explaining a failed one before raising it.

    Leftovers are removed only after success: a failed rollout may still need them.
    """
    among = overlay.objects(manifests)
    databases = [manifest for manifest in among if manifest["kind"] == "StatefulSet"]
    if databases:
        # First, so that pulling its image does not use up the Deployment's progress deadline.
        later = ("Deployment", "HorizontalPodAutoscaler")
        apply(
            kube,
            yaml.safe_dump_all(manifest for manifest in among if manifest["kind"] not in later),
        )
        for database in databases:
            wait(kube, namespace, f"statefulset/{database['metadata']['name']}", timeout)
    apply(kube, manifests)
    names = {manifest["metadata"]["name"] for manifest in among if manifest["kind"] == "Deployment"}
    for name in sorted(names, key=lambda each: (each != overlay.NAME, each)):  # the API first
        wait(kube, namespace, f"deployment/{name}", timeout)
    prune(kube, namespace, among)


def apply(kube: Kube, manifests: str) -> None:
    """Apply manifests, showing the output of kubectl."""
    if not kube.show("apply", "--filename", "-", stdin=manifests):
        raise ToolError("the cluster rejected the manifests: see kubectl's output above")


def summary(kube: Kube, namespace: str) -> str:
    """Return the image of the Deployment and the number of its ready pods."""
    spec = kube.get("deployment", overlay.NAME, "--namespace", namespace)["spec"]
    pods = kube.selected("pods", namespace, spec["selector"]["matchLabels"])
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    ready = sum(is_ready(pod) for pod in staying)
    image = spec["template"]["spec"]["containers"][0]["image"]
    return f"{image}, {ready} of {len(staying)} pods ready"


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.cluster.deploy", description=__doc__)
    overlay.add_env_argument(parser)
    parser.add_argument("--image-name", metavar="NAME", help="as the cluster calls it, without tag")
    parser.add_argument("--digest", metavar="sha256:…", help="of the image to roll out")
    parser.add_argument("--tag", metavar="T", help="shown beside the digest, which alone decides")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="a setting, this time only"
    )
    parser.add_argument("--revision", metavar="REV", help="take k8s/ of this tag or commit")
    parser.add_argument("--timeout", metavar="S", type=int, default=300, help="default: 300")
    given = parser.parse_args()
    if given.digest is None and (given.image_name or given.tag):
        parser.error("--image-name and --tag need --digest")
    if given.digest is not None and not DIGEST.fullmatch(given.digest):
        parser.error("--digest is sha256: and 64 hexadecimal digits")
    fields = {"newName": given.image_name, "newTag": given.tag, "digest": given.digest}
    started = time.monotonic()
    kube = connect()
    with overlay_at(given.revision, given.env) as base:
        manifests = render(base, {k: v for k, v in fields.items() if v}, given.set)
    if UNRELEASED in manifests:
        raise ToolError(f"no release is promoted to {given.env} yet: give --digest, or promote one")
    namespace = overlay.namespace(given.env)
    check_secret(kube, given.env, namespace)
    roll_out(kube, namespace, manifests, given.timeout)
    say(f"{namespace}: {summary(kube, namespace)}, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    exit_with(main)
