"""Write the Helm chart that k8s/ makes.

With --image it is the chart of a release: every environment runs that image, instead of the one
that its overlay pins. What was in the folder before is gone: a chart is made, never edited.
"""

import argparse
import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import yaml

from gitops.images import pinned
from tools import overlay, project
from tools.chart import sources, values
from tools.chart.matching import OWN
from tools.chart.templates import HEADER, Writer
from tools.command import ROOT, exit_with, failure, run, say
from tools.release import version
from tools.setup import schemas

FILES = sources.HERE / "files"
CHART = Path(".build/chart/slipway")
WIDTH = 110


def description() -> dict[str, Any]:
    """Return the content of Chart.yaml."""
    number = version.current(ROOT)
    page = f"https://github.com/{project.owner()}/{project.NAME}"
    oldest = schemas.minors(schemas.source())[-1]
    return {
        "apiVersion": "v2",
        "name": project.NAME,
        "description": "A release ledger: what runs where, what waits, and the DORA metrics",
        "type": "application",
        "version": number,
        "appVersion": number,
        "kubeVersion": f">={oldest}-0",
        "home": page,
        "sources": [page],
    }


def commented(node: values.Tree, defaults: values.Tree, indent: int = 0) -> list[str]:
    """Return the lines of values.yaml: each value after its sentence."""
    lines: list[str] = []
    pad = " " * indent
    for name, member in node["properties"].items():
        if name not in defaults:
            continue
        if "description" in member:
            lines += textwrap.wrap(
                member["description"],
                WIDTH,
                initial_indent=f"{pad}# ",
                subsequent_indent=f"{pad}# ",
            )
            lines += textwrap.indent(dump({name: defaults[name]}), pad).splitlines()
        else:
            lines += [f"{pad}{name}:", *commented(member, defaults[name], indent + 2)]
    return lines


def dump(tree: values.Tree) -> str:
    """Return values as YAML."""
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=1000)


def table(usual: values.Tree) -> str:
    """Return the table of the values in Markdown: name, default and sentence."""
    rows = ["| value | default | |", "| --- | --- | --- |"]
    for name, leaf in values.leaves(values.schema()):
        default = json.dumps(usual[name], ensure_ascii=False)
        rows.append(f"| `{name}` | `{default}` | {leaf['description']} |")
    return "\n".join(rows)


def environment(env: str, image: str | None) -> str:
    """Return an overlay as values."""
    differing = values.of_overlay(env)
    if image:
        differing = {n: row for n, row in differing.items() if not n.startswith("image.")}
    header = f"# The overlay {env}: made from k8s/overlays/{env} by `make chart`.\n"
    return header + dump(values.nested(differing))


def chart(image: str | None) -> dict[str, str]:
    """Return the text of every file of the chart by its path in it."""
    usual = values.defaults()
    if image:
        usual = usual | values.split_image({"image": image})
    found = sources.renderings().of
    templates = Writer(sources.parts(), usual | {"image": ""} | dict.fromkeys(OWN, "")).files(found)
    files = {str(file.relative_to(FILES)): file for file in FILES.rglob("*") if file.is_file()}
    texts = {path: file.read_text(encoding="utf-8") for path, file in files.items()}
    readme = texts["README.md"].replace("OWNER", project.owner())
    lines = commented(values.schema(), values.nested(usual))
    return {
        **texts,
        **{f"templates/{name}": text for name, text in templates.items()},
        **{f"values-{env}.yaml": environment(env, image) for env in overlay.environments()},
        "Chart.yaml": HEADER + dump(description()),
        "README.md": readme.replace("<values>", table(usual)),
        "values.schema.json": json.dumps(values.schema(), indent=2, ensure_ascii=False) + "\n",
        "values.yaml": HEADER + "\n".join(lines) + "\n",
    }


def write(folder: Path, image: str | None) -> None:
    """Write the chart into a folder, in place of what is there."""
    texts = chart(image)
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def lint(folder: Path) -> None:
    """Raise ToolError if Helm refuses the chart, or the schema the values of an environment."""
    helm = ROOT / ".tools" / "helm"
    for env in overlay.environments():
        values_file = folder / f"values-{env}.yaml"
        done = run([helm, "lint", "--strict", "--quiet", folder, "--values", values_file])
        if done.returncode:
            raise failure(done, f"helm lint with {values_file.name}")


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.chart", description=__doc__)
    parser.add_argument("--image", metavar="NAME:TAG@sha256:…", help="of the release")
    parser.add_argument("--into", metavar="FOLDER", type=Path, default=ROOT / CHART)
    given = parser.parse_args()
    if given.image:
        pinned(given.image)
    write(given.into, given.image)
    lint(given.into)
    say(f"wrote {given.into}")


if __name__ == "__main__":
    exit_with(main)
