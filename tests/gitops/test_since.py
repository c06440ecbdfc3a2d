"""`check --since`: what is found in the overlays that a change reaches, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import pytest

from gitops.checks.run import CHECKS
from gitops.jobs import Answer, Job
from gitops.render import Renderer
from gitops.revision import Clone
from gitops.since import changed
from tests.clone import commit, git
from tests.gitops.conftest import Check
from tests.gitops.test_cases import written
from tests.gitops.test_cli import call, called
from tools.setup import schemas

POD = """apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {containers: [{name: a, image: 'a:1'}]}
"""
# Something to find in each overlay.
DEAD = "images: [{name: absent, newTag: '2'}]\n"
FILES = {
    "base/kustomization.yaml": f"resources: [pod.yaml]\n{DEAD}",
    "base/pod.yaml": POD.replace("NAME", "shop"),
    "component/kustomization.yaml": f"kind: Component\n{DEAD}",
    "dev/kustomization.yaml": f"resources: [../base]\ncomponents: [../component]\n{DEAD}",
    "prod/kustomization.yaml": f"""\
resources: [../base]
patches: [{{path: patch.yaml}}]
configMapGenerator: [{{name: settings, files: [data/a.txt], envs: [b.env]}}]
{DEAD}""",
    "prod/patch.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: shop, labels: {a: b}}}\n",
    "prod/data/a.txt": "a\n",
    "prod/b.env": "B=1\n",
    "other/kustomization.yaml": f"resources: [pod.yaml]\n{DEAD}",
    "other/pod.yaml": POD.replace("NAME", "other"),
    "lone/pod.yaml": POD.replace("NAME", "lone"),
    "README.md": "",
    "gitops.yaml": "accepted: []\n",
}
ALL = {"dev", "other", "prod"}
Edit = Callable[[Path], object]


def append(name: str) -> Edit:
    def edit(root: Path) -> None:
        with (root / name).open("a") as file:
            file.write("# more\n")

    return edit


def remove(name: str) -> Edit:
    return lambda root: (root / name).unlink()


def move(old: str, new: str) -> Edit:
    return lambda root: shutil.move(root / old, root / new)


def new(name: str, text: str) -> Edit:
    return lambda root: written(root, {name: text})


def linked(root: Path) -> None:
    shutil.move(root / "base", root / "first")
    (root / "base").symlink_to("first")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    written(tmp_path / "clone", FILES)
    git(tmp_path / "clone", "init", "--initial-branch", "main")
    commit(tmp_path / "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize(
    ("edit", "overlays"),
    [
        (lambda _: None, set()),
        (append("README.md"), set()),
        (append("lone/pod.yaml"), set()),
        (append("gitops.yaml"), ALL),
        (append("base/kustomization.yaml"), {"dev", "prod"}),
        (append("base/pod.yaml"), {"dev", "prod"}),
        (append("component/kustomization.yaml"), {"dev"}),
        (append("prod/patch.yaml"), {"prod"}),
        (append("prod/data/a.txt"), {"prod"}),
        (append("prod/b.env"), {"prod"}),
        (remove("prod/b.env"), {"prod"}),
        (remove("base/pod.yaml"), {"dev", "prod"}),
        (remove("base/kustomization.yaml"), {"dev", "prod"}),
        (remove("other/kustomization.yaml"), set()),
        (move("base/pod.yaml", "base/moved.yaml"), {"dev", "prod"}),
        (move("base", "moved"), {"dev", "moved", "prod"}),
        (move("other", "moved"), {"moved"}),
        (new("base/kustomization.yml", FILES["base/kustomization.yaml"]), {"dev", "prod"}),
        (new("fourth/kustomization.yaml", f"resources: [../other]\n{DEAD}"), {"fourth"}),
        (linked, {"dev", "prod"}),
    ],
)
def test_what_is_found_is_that_of_a_full_run_in_the_overlays_that_are_reached(
    root: Path, check: Check, edit: Edit, overlays: set[str]
) -> None:
    edit(root)
    full = check(root, *CHECKS)
    repository = check.context.repository
    change = changed(repository, check.context.config, "HEAD")
    assert change
    assert {each.name for each in repository.overlays if change.reaches(each)} == overlays
    found = change.restricted(full, check.context.asked)
    assert {name for finding in found for name in finding.overlays} == overlays
    whole = {(each.rule, each.line, each.message) for each in found if each.overlays}
    reached = [each for each in full if not overlays.isdisjoint(each.overlays)]
    assert whole == {(each.rule, each.line, each.message) for each in reached}
    assert check(root, *CHECKS, since="HEAD") == found


def test_a_branch_is_compared_with_where_it_began(root: Path) -> None:
    git(root, "checkout", "--quiet", "-b", "topic")
    append("other/pod.yaml")(root)
    commit(root)
    git(root, "checkout", "--quiet", "main")
    append("base/pod.yaml")(root)
    commit(root)
    git(root, "checkout", "--quiet", "topic")
    assert Clone.of(root).changed("main") == {root / "other/pod.yaml"}


def test_the_command_tells_what_it_does_not_show(root: Path) -> None:
    append("other/pod.yaml")(root)
    code, said = called("check", root, "--since", "HEAD")
    assert {name for finding in said["findings"] for name in finding["overlays"]} == {"other"}
    assert (code, said["since"], said["overlays_unchecked"]) == (1, "HEAD", 2)
    assert (
        "2 overlays not checked: no change since HEAD reaches them"
        in call("check", root, "--since", "HEAD")[1]
    )
    commit(root)
    assert called("check", root, "--since", "HEAD")[0] == 0
    code, said = call("check", root, "--since", "absent")
    assert (code, "no revision 'absent'" in said) == (2, True)


APPS = ("shop", "mail", "search")
TENANTS = ("one", "two", "three", "four")
# What each tenant may have: most of it depends on what others have.
PARTS = {
    "images": "images: [{name: shop, newTag: '2'}, {name: absent, newTag: '2'}]\n",
    "namespace": "namespace: tenants\n",
    "labels": "labels: [{pairs: {team: a}}, {pairs: {team: b}}]\n",
    "patches": 'patches: [{target: {name: till}, patch: \'[{"op": "remove", "path": "/x"}]\'}]\n',
    "components": "components: [../../component]\n",
    "settings": "configMapGenerator: [{name: own, literals: [A=1]}]\n",
}
APP = """apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: a, image: 'NAME:1', envFrom: [{configMapRef: {name: own}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: OTHER}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: shop.example.com/v1
kind: Widget
metadata: {name: NAME}
"""


def tenant(random: Random) -> str:
    chosen = random.sample(sorted(PARTS), random.randrange(1, 4))
    return "resources: [../../base]\n" + "".join(PARTS[name] for name in sorted(chosen))


@pytest.mark.parametrize("seed", range(6))
def test_a_generated_tree_has_the_findings_of_a_full_run(
    tmp_path: Path, check: Check, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - no secret is made of it
    files = {
        "base/kustomization.yaml": "resources: [shop.yaml, mail.yaml, search.yaml]\n"
        "namespace: other # gitops: ignore inert a tenant may have its own\n",
        "component/kustomization.yaml": "kind: Component\nimages: [{name: mail, newTag: '1'}]\n",
        "gitops.yaml": "environments: [one, two]\n",
    }
    for app in APPS:
        text = APP.replace("NAME", app).replace("OTHER", random.choice([*APPS, "nobody"]))
        files[f"base/{app}.yaml"] = text
    files |= {f"tenants/{name}/kustomization.yaml": tenant(random) for name in TENANTS}
    written(tmp_path, files)
    git(tmp_path, "init", "--initial-branch", "main")
    commit(tmp_path)
    for name in random.sample(TENANTS, random.randrange(1, 3)):
        written(tmp_path, {f"tenants/{name}/kustomization.yaml": tenant(random)})
    full = check(tmp_path, *CHECKS, locations=(schemas.LOCATION,))
    change = changed(check.context.repository, check.context.config, "HEAD")
    assert change
    found = change.restricted(full, check.context.asked)
    assert check(tmp_path, *CHECKS, locations=(schemas.LOCATION,), since="HEAD") == found


def test_what_nothing_reaches_is_not_rendered(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, {**FILES, **{path: text.replace(DEAD, "") for path, text in FILES.items()}})
    git(tmp_path, "init", "--initial-branch", "main")
    commit(tmp_path)
    selected = POD.replace("{name: NAME}", "{name: other, labels: {app: other}}")
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: other}\nspec: {selector: {app: other}}\n"
    )
    written(tmp_path, {"other/pod.yaml": f"{selected}---\n{service}"})
    asked: list[str] = []
    render = Renderer.render

    def noted(self: Renderer, jobs: Iterable[Job]) -> list[Answer]:
        every = list(jobs)
        asked.extend(job.folder.name for job in every)
        return render(self, every)

    monkeypatch.setattr(Renderer, "render", noted)
    check(tmp_path, *CHECKS, since="HEAD")
    assert set(asked) == {"other"}


def test_a_config_map_of_which_flux_takes_variables_reaches_what_it_applies(
    tmp_path: Path, check: Check
) -> None:
    flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: s}\n"
    flux += "spec: {path: ./other, postBuild: {substituteFrom: [{kind: ConfigMap, name: all}]}}\n"
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: all}\ndata: {A: b}\n"
    written(tmp_path, {**FILES, "clusters/flux.yaml": flux, "clusters/all.yaml": settings})
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    append("clusters/all.yaml")(tmp_path)
    found = check(tmp_path, "inert", since="HEAD")

    assert {name for each in found for name in each.overlays} == {"other"}
