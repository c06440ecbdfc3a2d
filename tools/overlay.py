"""The overlays as the pinned kustomize renders them."""

import argparse
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gitops.images import split
from gitops.objects import without_hash
from tools.command import ROOT, ToolError, failure, run

OVERLAYS = Path("k8s/overlays")
COMPONENTS = Path("k8s/components")
RELEASE = "release"  # the component of each overlay that pins the images: the last one
NAME = "slipway"  # of the Deployment, Service, Ingress, autoscaler and ConfigMap

Object = dict[str, Any]


def environments() -> list[str]:
    """Return the names of the overlays."""
    return sorted(path.parent.name for path in (ROOT / OVERLAYS).glob("*/kustomization.yaml"))


def add_env_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option --env, which takes the name of an overlay, to a parser."""
    parser.add_argument("--env", required=True, choices=environments(), help="the overlay")


def render(folder: Path) -> str:
    """Render a kustomization folder, relative to the repository, as YAML.

    Raises ToolError with kustomize's reason; a warning is an error too.
    """
    kustomize = ROOT / ".tools" / "kustomize"
    done = run([kustomize, "build", ROOT / folder], missing="`make render ENV=dev` builds it")
    if done.returncode or done.stderr:
        raise failure(done, str(folder))
    return done.stdout


def write(folder: Path) -> list[Path]:
    """Render each overlay into a file of a folder, ENV.yaml; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{env}.yaml" for env in environments()]
    for file in files:
        file.write_text(render(OVERLAYS / file.stem), encoding="utf-8")
    return files


def copy_with(component: str, env: str, folder: Path) -> Path:
    """Copy k8s/ into a folder, with one more component in an environment's overlay.

    Returns the path of that overlay, to render or to change.
    """
    shutil.copytree(ROOT / "k8s", folder / "k8s")
    path = folder / OVERLAYS / env / "kustomization.yaml"
    kustomization = yaml.safe_load(path.read_text(encoding="utf-8"))
    taken = kustomization["components"]
    taken.insert(taken.index(RELEASE), f"../../components/{component}")
    path.write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return path.parent


def render_with(component: str, env: str) -> str:
    """Render an environment's overlay with one more component."""
    with tempfile.TemporaryDirectory() as folder:
        return render(copy_with(component, env, Path(folder)))


def objects(text: str) -> list[Object]:
    """Return the objects of a stream of YAML documents."""
    # The parser of libyaml, which is several times as fast.
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


@cache
def rendered(env: str) -> list[Object]:
    """Return the objects of an environment's overlay, rendered once: do not change them."""
    return objects(render(OVERLAYS / env))


def find(among: list[Object], kind: str, name: str = NAME) -> Object:
    """Return the object of a kind and name, with or without a generated hash."""
    for candidate in among:
        its_name = str(candidate["metadata"]["name"])
        if candidate["kind"] == kind and name in (its_name, without_hash(its_name)):
            return candidate
    raise ToolError(f"no {kind} named {name} among the rendered objects")


def namespace(env: str) -> str:
    """Return the namespace of an environment."""
    return str(find(rendered(env), "Deployment")["metadata"]["namespace"])


def host(among: list[Object]) -> str:
    """Return the host name that the Ingress among these objects serves, or else the HTTPRoute."""
    kinds = {manifest["kind"] for manifest in among}
    if "HTTPRoute" in kinds and "Ingress" not in kinds:
        return str(find(among, "HTTPRoute")["spec"]["hostnames"][0])
    return str(find(among, "Ingress")["spec"]["rules"][0]["host"])


def selector(labels: dict[str, str]) -> str:
    """Return labels as kubectl's --selector takes them."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def image_name(among: list[Object]) -> str:
    """Return the API's image as the Deployment names it, without tag and digest."""
    pod = find(among, "Deployment")["spec"]["template"]["spec"]
    return split(str(pod["containers"][0]["image"])).name
