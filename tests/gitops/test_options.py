"""The options of `kustomize build`, and where a repository says them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops import programs
from gitops.errors import GitopsError
from gitops.options import Options, argo_cd
from tests.gitops.conftest import Check
from tests.gitops.test_cases import written

POD = """apiVersion: v1
kind: Pod
metadata: {name: shop}
spec: {containers: [{name: a, image: 'a:1'}]}
"""
OUTSIDE = {
    "shared/pod.yaml": POD,
    "prod/kustomization.yaml": "resources: [../shared/pod.yaml]\n",
}
NONE = "--load-restrictor LoadRestrictionsNone"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", Options()),
        (NONE, Options(unrestricted=True)),
        ("--load-restrictor=LoadRestrictionsNone", Options(unrestricted=True)),
        ("--load_restrictor none", Options(unrestricted=True)),
        ("--load-restrictor LoadRestrictionsRootOnly", Options()),
        ("--enable-helm=true --helm-kube-version 1.35", Options(helm=True, kube_version="1.35")),
        ("--enable-helm --helm-command ./run.sh", Options(helm=True)),
        ("--enable_alpha_plugins --enable-exec", Options(plugins=True)),
        ("--reorder none -e A=B --as-current-user", Options()),
    ],
)
def test_options_are_those_of_kustomize(text: str, options: Options) -> None:
    assert Options.of(text) == options


def test_an_option_that_kustomize_does_not_have_is_refused() -> None:
    with pytest.raises(GitopsError, match="no option --enable-helmm"):
        Options.of("--enable-helmm")
    assert Options.of("--enable-helmm", strict=False) == Options()
    with pytest.raises(GitopsError, match="No closing quotation"):
        Options.of("--enable-helm '")


@pytest.mark.parametrize(
    "text",
    [
        f"kind: ConfigMap\ndata:\n  kustomize.buildOptions: {NONE}\n",
        f"data:\n  kustomize.buildOptions: '{NONE}'  # all of them\n",
        f'data:\n  "kustomize.buildOptions": "{NONE}"\n',
        f"data:\n  kustomize.buildOptions.v5.8.0: {NONE}\n",
        f"configMapGenerator:\n  - literals:\n      - kustomize.buildOptions={NONE}\n",
        f"configMapGenerator:\n  - literals:\n      - 'kustomize.buildOptions={NONE}'\n",
        f"kind: ArgoCD\nspec:\n  kustomizeBuildOptions: {NONE}\n",
    ],
)
def test_options_are_read_from_what_argo_cd_is_set_up_with(
    tmp_path: Path, check: Check, text: str
) -> None:
    written(tmp_path, {**OUTSIDE, "argocd/cm.yaml": text})
    assert [each.strip() for each in argo_cd(tmp_path)] == [NONE]
    assert check(tmp_path, "render") == []


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ({"gitops.yaml": f"build: [{{what: prod, options: {NONE}}}]\n"}, ""),
        ({"gitops.yaml": f"build: [{{what: 'pr*', options: {NONE}}}]\n"}, ""),
        ({}, NONE),
        (
            {
                "clusters/prod.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
                "kind: Kustomization\nmetadata: {name: shop}\nspec: {path: ./prod}\n"
            },
            "",
        ),
        # Of an artifact that is made of a folder of the repository.
        (
            {
                "prod/kustomization.yaml": None,
                "all/apps/prod/kustomization.yaml": "resources: [../../../shared/pod.yaml]\n",
                "all/clusters/prod.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\n"
                "kind: Kustomization\nmetadata: {name: shop}\nspec: {path: ./apps/prod}\n",
            },
            "",
        ),
        ({"hack/build.sh": f"kustomize build {NONE} $overlay | kubectl apply -f -\n"}, ""),
        ({"Makefile": "all:\n\t$(KUSTOMIZE) build --load_restrictor none prod\n"}, ""),
        ({"ci/tasks.yaml": f"- command: '{{{{ kustomize }}}} build  {NONE} .'\n"}, ""),
    ],
)
def test_files_elsewhere_are_read_where_that_is_allowed(
    tmp_path: Path, check: Check, files: dict[str, str | None], options: str
) -> None:
    written(tmp_path, {**OUTSIDE, **files})
    assert check(tmp_path, "render", options=options) == []
    assert all(each.objects for each in check.context.rendered)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"gitops.yaml": f"build: [{{what: test, options: {NONE}}}]\n"},
        {"hack/build.sh": "kustomize build prod\n"},
        {"README.md": f"No overlay needs {NONE}: `kustomize build prod` is enough.\n"},
    ],
)
def test_files_elsewhere_are_refused_otherwise(
    tmp_path: Path, check: Check, files: dict[str, str]
) -> None:
    written(tmp_path, {**OUTSIDE, **files})
    (refused, *others) = check(tmp_path, "render")
    assert "is not in or below" in refused.message
    # A declaration that no overlay needs is told, but not beside one that does not render.
    assert others == []


def test_a_declaration_that_no_overlay_needs_is_told(tmp_path: Path, check: Check) -> None:
    config = f"build: [{{what: test, options: {NONE}}}]\n"
    files = {"prod/kustomization.yaml": "resources: [pod.yaml]\n", "prod/pod.yaml": POD}
    written(tmp_path, {**files, "gitops.yaml": config})
    assert [each.message for each in check(tmp_path)] == ["test: declared, but no longer needed"]


PROGRAM = "#!/bin/sh\ntouch {mark}\ncat\n"
PLUGIN = """apiVersion: shop.example.com/v1
kind: Program
metadata:
  name: it
  annotations:
    config.kubernetes.io/function: "exec: {path: ./run.sh}"
"""


@pytest.mark.parametrize(
    ("asked", "runs"),
    [
        ("", False),
        ("--enable-helm", False),
        ("--enable-alpha-plugins --enable-exec", True),
    ],
)
def test_a_program_runs_only_if_the_command_line_asks_for_it(
    tmp_path: Path, check: Check, asked: str, runs: bool
) -> None:
    mark = tmp_path / "ran"
    files = {
        "prod/kustomization.yaml": "resources: [pod.yaml]\ntransformers: [plugin.yaml]\n",
        "prod/pod.yaml": POD,
        "prod/plugin.yaml": PLUGIN,
        "prod/run.sh": PROGRAM.format(mark=mark),
        # A repository cannot allow its own programs.
        "gitops.yaml": "build: [{what: prod, options: --enable-alpha-plugins --enable-exec}]\n",
        "argocd/cm.yaml": "data: {kustomize.buildOptions: --enable-alpha-plugins --enable-exec}\n",
    }
    written(tmp_path, files)
    (tmp_path / "prod/run.sh").chmod(0o755)
    assert [each.message for each in check(tmp_path, "render", options=asked)] == []
    assert mark.exists() == runs
    assert ("prod/kustomization.yaml:2" in check.context.skipped) == (not runs)


@pytest.mark.skipif(programs.locate("helm") is None, reason="needs helm")
def test_a_chart_that_is_there_is_rendered_and_checked(tmp_path: Path, check: Check) -> None:
    files = {
        "prod/kustomization.yaml": "helmCharts: [{name: cache, releaseName: it}]\n"
        "images: [{name: cache, newTag: '2'}, {name: cashe, newTag: '2'}]\n",
        "prod/charts/cache/Chart.yaml": "apiVersion: v2\nname: cache\nversion: 1.0.0\n",
        "prod/charts/cache/values.yaml": "",
        "prod/charts/cache/templates/pod.yaml": "apiVersion: v1\nkind: Pod\n"
        "metadata: {name: cache}\nspec: {containers: [{name: a, image: 'cache:1'}]}\n",
        "gitops.yaml": "build: [{what: prod, options: --enable-helm}]\n",
    }
    written(tmp_path, files)
    told = [each.message for each in check(tmp_path, "render", "inert")]
    assert told == ["newTag 2 for image cashe matches nothing"]
    assert check.context.rendered[0].objects[0].name == "cache"
