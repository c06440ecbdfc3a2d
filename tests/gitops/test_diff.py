"""What a change renders to, per environment: the summary, the objects, and what a comment holds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gitops.cli import cli
from gitops.diff.markdown import LIMIT
from gitops.diff.values import ABSENT, Change, compare
from gitops.errors import GitopsError
from gitops.revision import Clone
from tests.clone import commit, git
from tools.command import ROOT

HPA = "HorizontalPodAutoscaler"
DIGEST = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
NEWER = DIGEST.replace("1", "2")
SECRET = """
secretGenerator:
  - name: keys
    literals: [PASSWORD=hunter2]
"""


@pytest.fixture
def root(copy: Callable[[str], Path]) -> Path:
    """The fixture `layered` in a git repository of one commit."""
    folder = copy("layered")
    git(folder, "init", "--initial-branch", "main")
    commit(folder)
    return folder


def edit(root: Path, name: str, old: str, new: str) -> None:
    file = root / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def append(root: Path, name: str, text: str) -> None:
    with (root / name).open("a", encoding="utf-8") as file:
        file.write(text)


def diff(root: Path, *argv: str) -> Result:
    return CliRunner().invoke(cli, ["diff", str(root), "--base", "HEAD", *argv])


def found(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(diff(root, "--json").output)
    return document


def entries(root: Path, overlay: str = "overlays/prod") -> list[tuple[object, ...]]:
    """The summary of an overlay: group, what, and what it was and is."""
    (difference,) = [e for e in found(root)["differences"] if e["overlay"] == overlay]
    return [
        (each["group"], each["what"], *(each[side] for side in ("old", "new") if side in each))
        for each in difference["summary"]
    ]


def test_nothing_differs_is_exit_status_0(root: Path) -> None:
    (root / "README.md").write_text("Not rendered.\n")
    result = diff(root)
    assert result.exit_code == 0
    assert "nothing differs from HEAD" in result.output
    markdown = diff(root, "--format", "markdown")
    assert markdown.exit_code == 0
    assert "No overlay" in markdown.output
    assert found(root)["differences"] == []


CASES: list[tuple[str, str, str, list[tuple[object, ...]]]] = [
    (
        *("overlays/prod/sizes.yaml", "maxReplicas: 9", "maxReplicas: 20"),
        [("replicas", f"{HPA} prod-shop", "3 to 9", "3 to 20")],
    ),
    (
        *("overlays/prod/kustomization.yaml", "count: 3", "count: 4"),
        [("replicas", "Deployment prod-shop, spec.replicas", 3, 4)],
    ),
    (
        *("overlays/prod/sizes.yaml", "cpu: 250m", "cpu: 500m"),
        [
            (
                "resources",
                "Deployment prod-shop, containers[app].resources.requests.cpu",
                "250m",
                "500m",
            )
        ],
    ),
    (
        *(
            "base/deployment.yaml",
            "readinessProbe:\n",
            "readinessProbe:\n            periodSeconds: 5\n",
        ),
        [("probes", "Deployment prod-shop, containers[app].readinessProbe.periodSeconds", 5)],
    ),
    (
        *(
            "base/deployment.yaml",
            "      containers:",
            "      hostNetwork: true\n      containers:",
        ),
        [("security context", "Deployment prod-shop, hostNetwork", True)],
    ),
    (
        *("base/more.yaml", "    - ports:\n        - port: http\n", "    - {}\n"),
        [("network policy", "NetworkPolicy prod-shop, spec.ingress[0].ports[http].port", "http")],
    ),
    (
        *(
            "base/more.yaml",
            "kind: ServiceAccount\n",
            "kind: ServiceAccount\nsecrets: [{name: x}]\n",
        ),
        [("RBAC", "ServiceAccount prod-cache, secrets[x].name", "x")],
    ),
    (
        *("base/service.yaml", "    app: shop", "    app: shap"),
        [("selectors", "Service prod-shop, spec.selector.app", "shop", "shap")],
    ),
    (
        *("overlays/prod/kustomization.yaml", "MODE=fast", "MODE=slow"),
        [("configuration", "ConfigMap prod-shop, data.MODE", "fast", "slow")],
    ),
    (
        *("overlays/prod/kustomization.yaml", "value: shop.example.com", "value: a.example.com"),
        [("other", "Ingress prod-shop, spec.rules[0].host", "shop.example.com", "a.example.com")],
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), CASES)
def test_the_summary_names_what_changes(
    root: Path, file: str, old: str, new: str, expected: list[tuple[object, ...]]
) -> None:
    edit(root, file, old, new)
    assert entries(root) == expected


def test_a_resource_of_any_kind_is_told_with_its_path(root: Path) -> None:
    text = (
        "apiVersion: x.example.com/v1\nkind: Cache\nmetadata: {name: c}\nspec: {minReplicas: 1}\n"
    )
    append(root, "base/more.yaml", f"---\n{text}")
    commit(root)
    edit(root, "base/more.yaml", "spec: {minReplicas: 1}", "spec: {minReplicas: 2}")
    assert entries(root) == [("other", "Cache prod-c, spec.minReplicas", 1, 2)]


def test_an_image_is_told_by_tag_and_digest(root: Path) -> None:
    file = "overlays/prod/kustomization.yaml"
    edit(root, file, f"newTag: 1.1.0\n    digest: {DIGEST}", f"newTag: 1.2.0\n    digest: {NEWER}")
    name = "registry.example.com/shop"
    what = "Deployment prod-shop, app"
    old, new = f"{name}:1.1.0@{DIGEST}", f"{name}:1.2.0@{NEWER}"
    assert entries(root) == [("image", what, old, new)]
    said = f"{what}: 1.1.0, sha256:111111111111 → 1.2.0, sha256:222222222222"
    assert said in diff(root).output


def test_an_image_of_another_name_or_without_a_digest_says_so(root: Path) -> None:
    edit(
        root,
        "overlays/dev/kustomization.yaml",
        "newTag:",
        "newName: b.example.com/shop\n    newTag:",
    )
    said = "registry.example.com/shop, 1.2.0, no digest → b.example.com/shop, 1.2.0, no digest"
    assert said in diff(root).output


def test_an_object_that_comes_or_goes_is_told(root: Path) -> None:
    text = (root / "base/more.yaml").read_text()
    parts = text.split("---\n")
    kept = [part for part in parts if "kind: NetworkPolicy" not in part]
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: []\n"
    (root / "base/more.yaml").write_text("---\n".join([*kept, role]))
    assert entries(root) == [
        ("network policy", "removed NetworkPolicy prod-shop in shop-prod"),
        ("RBAC", "added Role prod-r in shop-prod"),
        ("objects", "removed NetworkPolicy prod-shop in shop-prod"),
        ("objects", "added Role prod-r in shop-prod"),
    ]
    assert "  + kind: Role" in diff(root).output
    assert "  - kind: NetworkPolicy" in diff(root).output


def test_a_hash_of_a_generated_name_is_seen_through(root: Path) -> None:
    edit(root, "overlays/prod/kustomization.yaml", "MODE=fast", "MODE=slow")
    (difference,) = found(root)["differences"]
    assert [(each["kind"], each["state"]) for each in difference["objects"]] == [
        ("ConfigMap", "changed")
    ]


def test_a_hash_that_is_given_up_is_told(root: Path) -> None:
    """Without it, pods keep running with what they had: that is a difference."""
    append(
        root, "overlays/dev/kustomization.yaml", "generatorOptions: {disableNameSuffixHash: true}\n"
    )
    edit(
        root,
        "base/kustomization.yaml",
        "- MODE=plain",
        "- MODE=plain\n    options: {disableNameSuffixHash: true}",
    )
    said = entries(root, "overlays/dev")
    assert ("objects", "removed ConfigMap shop-<hash> in shop-dev") in said
    assert ("objects", "added ConfigMap shop in shop-dev") in said


def test_values_of_secrets_are_never_shown(root: Path) -> None:
    append(root, "overlays/prod/kustomization.yaml", SECRET)
    added = [diff(root, "--format", style).output for style in ("text", "markdown", "json")]
    commit(root)
    edit(root, "overlays/prod/kustomization.yaml", "hunter2", "hunter3")
    said = entries(root)
    assert said == [("configuration", "Secret prod-keys, data.PASSWORD", "(hidden)", "(hidden)")]
    changed = [diff(root, "--format", style).output for style in ("text", "markdown", "json")]
    for output in (*added, *changed):
        assert "PASSWORD" in output
        # In the clear, or as `data` has it.
        assert "hunter" not in output
        assert "aHVudGVy" not in output


def test_a_change_of_production_with_others_is_told(root: Path) -> None:
    edit(root, "overlays/dev/kustomization.yaml", "1.2.0", "1.3.0")
    assert found(root)["also_changes"] == []
    assert "this also changes prod" not in diff(root).output
    edit(root, "overlays/prod/kustomization.yaml", "1.1.0", "1.2.0")
    assert found(root)["also_changes"] == ["overlays/prod"]
    assert "this also changes prod (overlays/prod)" in diff(root).output
    assert "**This also changes prod**" in diff(root, "--format", "markdown").output
    git(root, "checkout", "overlays/dev")
    assert found(root)["also_changes"] == []


def test_an_overlay_on_one_side_only_is_added_or_removed(root: Path) -> None:
    git(root, "mv", "overlays/dev", "overlays/qa")
    said = {e["overlay"]: e["state"] for e in found(root)["differences"]}
    assert said == {"overlays/dev": "removed", "overlays/qa": "added"}
    assert "overlays/qa: added, with 10 objects" in diff(root).output


@pytest.mark.parametrize("side", ["as it is now", "at the revision"])
def test_an_overlay_that_does_not_render_is_told_and_the_others_shown(
    root: Path, side: str
) -> None:
    edit(root, "overlays/prod/sizes.yaml", "name: shop", "name: shap")
    if side == "at the revision":
        commit(root)
        git(root, "checkout", "HEAD^", "--", "overlays/prod")
    edit(root, "overlays/dev/kustomization.yaml", "1.2.0", "1.3.0")
    result = diff(root)
    assert result.exit_code == 1
    assert f"{side}, it does not render: no resource matches" in result.output
    assert "1.2.0, no digest → 1.3.0, no digest" in result.output
    said = {e["overlay"]: e["state"] for e in found(root)["differences"]}
    assert said == {"overlays/dev": "changed", "overlays/prod": "unknown"}


@pytest.mark.parametrize("side", ["as it is now", "at the revision"])
def test_an_overlay_that_cannot_be_read_is_neither_removed_nor_added(root: Path, side: str) -> None:
    file = root / "overlays/prod/kustomization.yaml"
    text = file.read_text()
    file.write_text("resources: [\n")
    if side == "at the revision":
        commit(root)
        file.write_text(text)
    (only,) = found(root)["differences"]
    assert (only["overlay"], only["state"]) == ("overlays/prod", "unknown")
    place = "overlays/prod/kustomization.yaml:2"
    assert only["error"].startswith(f"{side}, it does not render: {place}: ")


@pytest.mark.parametrize("now_included", [True, False])
def test_a_folder_that_another_one_includes_or_no_longer_does_is_the_same(
    root: Path, *, now_included: bool
) -> None:
    more = root / "everything/kustomization.yaml"
    more.parent.mkdir()
    more.write_text("resources: [../overlays/prod]\n")
    if not now_included:
        commit(root)
        more.unlink()
    (only,) = found(root)["differences"]
    state = "added" if now_included else "removed"
    assert (only["overlay"], only["state"]) == ("everything", state)


def test_a_summary_has_no_objects(root: Path) -> None:
    edit(root, "overlays/dev/kustomization.yaml", "1.2.0", "1.3.0")
    output = diff(root, "--summary").output
    assert "Deployment shop, app: 1.2.0, no digest → 1.3.0, no digest" in output
    assert "overlays/dev: changed" not in output


def test_an_unknown_revision_is_exit_status_2(root: Path) -> None:
    result = CliRunner().invoke(cli, ["diff", str(root), "--base", "absent"])
    assert result.exit_code == 2
    assert "this clone has no revision 'absent': `git fetch --tags`" in result.output
    argv = [sys.executable, "-m", "gitops", "diff", str(root), "--base", "-x", "--format", "json"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "-x" in json.loads(done.stdout)["error"]


def test_a_shallow_clone_says_what_to_fetch(root: Path, tmp_path: Path) -> None:
    edit(root, "overlays/dev/kustomization.yaml", "1.2.0", "1.3.0")
    git(root, "checkout", "-b", "feature")
    commit(root)
    git(root, "checkout", "main")
    git(tmp_path, "clone", "--depth=1", "--branch=feature", f"file://{root}", "shallow")
    shallow = tmp_path / "shallow"
    result = CliRunner().invoke(cli, ["diff", str(shallow), "--base", "origin/main"])
    assert result.exit_code == 2
    fetch = "git fetch --depth=1 origin main:refs/remotes/origin/main"
    assert f"`{fetch}`" in result.output
    result = CliRunner().invoke(cli, ["diff", str(shallow), "--base", "HEAD^"])
    assert "`git fetch --unshallow --tags`" in result.output
    git(shallow, *fetch.split()[1:])
    result = CliRunner().invoke(cli, ["diff", str(shallow)])
    assert result.exit_code == 1
    assert "1 overlay differs from origin/main" in result.output


@pytest.mark.parametrize(
    ("commands", "base"),
    [
        (["update-ref refs/remotes/origin/main HEAD"], "origin/main"),
        ([], "main"),
        (["branch --move master"], "master"),
        (["branch --move trunk"], "trunk"),
        (["branch --move release", "config init.defaultBranch release"], "release"),
        (
            [
                "update-ref refs/remotes/origin/main HEAD",
                "update-ref refs/remotes/origin/next HEAD",
                "symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/next",
            ],
            "origin/next",
        ),
        (
            [
                "update-ref refs/remotes/upstream/next HEAD",
                "symbolic-ref refs/remotes/upstream/HEAD refs/remotes/upstream/next",
            ],
            "upstream/next",
        ),
        (["commit --allow-empty --message again", "branch --move feature"], "HEAD^"),
    ],
)
def test_the_base_is_the_main_branch_unless_said(
    root: Path, commands: list[str], base: str
) -> None:
    git(root, "config", "init.defaultBranch", "main")
    for command in commands:
        git(root, *command.split())
    result = CliRunner().invoke(cli, ["diff", str(root)])
    assert result.exit_code == 0
    assert f"nothing differs from {base} (" in result.output


def test_the_only_branch_of_a_clone_is_the_default_one(root: Path, tmp_path: Path) -> None:
    git(root, "branch", "--move", "production")
    git(tmp_path, "clone", "--single-branch", f"file://{root}", "other")
    git(tmp_path / "other", "symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
    git(tmp_path / "other", "checkout", "-b", "feature")
    git(tmp_path / "other", "branch", "--delete", "production")
    assert Clone(tmp_path / "other").default() == "origin/production"


def test_without_a_commit_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    git(tmp_path, "init")
    with pytest.raises(GitopsError, match="nothing is committed yet"):
        Clone(tmp_path).default()
    with pytest.raises(GitopsError, match="nothing is committed yet"):
        Clone(tmp_path).commit("HEAD")


def test_the_first_commit_of_a_branch_of_any_name_is_compared_with_itself(tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch=develop")
    git(tmp_path, "commit", "--allow-empty", "--message=first")
    assert Clone(tmp_path).default() == "HEAD"


def test_what_nobody_can_fetch_by_name_is_not_asked_for_so(root: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--depth=1", f"file://{root}", "other")
    with pytest.raises(GitopsError, match="`git fetch --unshallow --tags`"):
        Clone(tmp_path / "other").commit("origin/main~9")


def test_a_revision_has_its_submodules_and_what_no_archive_would_have(
    root: Path, tmp_path: Path
) -> None:
    outer = tmp_path / "outer"
    (outer / "prod").mkdir(parents=True)
    (outer / "prod/kustomization.yaml").write_text("resources: [../parts/overlays/prod]\n")
    (outer / ".gitattributes").write_text("prod export-ignore\n")
    (outer / "link").symlink_to("/etc/hostname")
    git(outer, "init", "--initial-branch", "main")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", str(root), "parts")
    commit(outer)
    assert diff(outer / "prod").output.startswith("nothing differs")
    edit(outer / "parts", "overlays/prod/kustomization.yaml", "1.1.0", "1.1.1")
    assert "1.1.0" in diff(outer / "prod").output
    # One that is not there is not rendered, and no path of this machine is told.
    git(outer, "submodule", "deinit", "--force", "parts")
    told = diff(outer / "prod").output
    assert "as it is now, it does not render: parts/overlays/prod: no such file" in told


def test_a_folder_outside_of_git_is_exit_status_2(copy: Callable[[str], Path]) -> None:
    result = CliRunner().invoke(cli, ["diff", str(copy("variants"))])
    assert result.exit_code == 2
    assert "not a git repository" in result.output


def test_a_comment_has_a_first_line_that_stays(root: Path) -> None:
    first = diff(root, "--format", "markdown").output.splitlines()[0]
    edit(root, "overlays/dev/kustomization.yaml", "1.2.0", "1.3.0")
    markdown = diff(root, "--format", "markdown").output
    assert markdown.splitlines()[0] == first == "<!-- gitops diff . -->"
    assert "  - `Deployment shop, app`: `1.2.0, no digest` → `1.3.0, no digest`" in markdown
    assert "**Cut**" not in markdown


@pytest.mark.parametrize("many", ["overlays", "objects", "bytes"])
def test_a_comment_stays_under_its_limit_and_says_what_was_cut(root: Path, many: str) -> None:
    long = {"overlays": 300, "objects": 400, "bytes": 1}[many]
    if many == "overlays":
        for n in range(long):
            folder = root / f"overlays/extra-{n:03}"
            folder.mkdir()
            text = "resources: [../../base]\nnameSuffix: -extra\n"
            (folder / "kustomization.yaml").write_text(text)
    else:
        value = "x\n" * 100 if many == "objects" else "é\n" * 60_000
        indented = "".join(f"    {line}\n" for line in value.splitlines())
        head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra-"
        objects = [f"{head}{n}\ndata:\n  key: |\n{indented}" for n in range(long)]
        (root / "overlays/dev/extra.yaml").write_text("---\n".join(objects))
        edit(
            root,
            "overlays/dev/kustomization.yaml",
            "  - ../../base",
            "  - ../../base\n  - extra.yaml",
        )
    markdown = diff(root, "--format", "markdown").output
    assert len(markdown) < LIMIT
    last = markdown.splitlines()[-1]
    said = {
        "overlays": "other overlays",
        "objects": "of 400 objects of `overlays/dev`",
        "bytes": "1 of 1 objects of `overlays/dev`",
    }
    assert last.startswith("**Cut**")
    assert said[many] in last
    assert markdown.count("<details>") == markdown.count("</details>")
    if many == "objects":
        assert markdown.count("added `ConfigMap") > 50


def test_nothing_in_a_value_is_markup(root: Path) -> None:
    edit(root, "overlays/prod/kustomization.yaml", "- MODE=fast", '- "MODE=``` @all </details>"')
    markdown = diff(root, "--format", "markdown").output
    assert "```` '``` @all </details>' ````" in markdown
    assert "\n````diff\n" in markdown


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"a": 1}, {"a": True}, [Change(("a",), 1, True)]),
        ({"a": None}, {}, [Change(("a",), None, ABSENT)]),
        ({}, {"a": {}}, [Change(("a",), ABSENT, {})]),
        ([1, 2], [2, 1], [Change((), [1, 2], [2, 1])]),
        (
            [{"name": "a"}, {"name": "b"}],
            [{"name": "b"}, {"name": "a"}],
            [Change(("(order)",), ["a", "b"], ["b", "a"])],
        ),
        ([{"from": 1}, {"from": 2}], [{"from": 2}], [Change(("[0]", "from"), 1, ABSENT)]),
        ({"a.b/c": {"d": 1}}, {"a.b/c": {"d": 2}}, [Change(("a.b/c", "d"), 1, 2)]),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B"}]},
            {
                "env": [
                    {"name": "B"},
                    {"name": "C", "value": "2"},
                    {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                ]
            },
            [
                Change(("env", "[A]"), "1", ABSENT),
                Change(("env", "[C]"), ABSENT, "2"),
                Change(("env", "[D]"), ABSENT, {"fieldRef": {"fieldPath": "spec.nodeName"}}),
            ],
        ),
    ],
)
def test_the_smallest_parts_that_differ_are_found(
    old: object, new: object, changes: list[Change]
) -> None:
    assert list(compare(old, new)) == changes


def test_a_text_of_several_lines_is_compared_line_by_line(root: Path) -> None:
    (root / "overlays/prod/app.conf").write_text("".join(f"line {n}\n" for n in range(20)))
    edit(
        root,
        "overlays/prod/kustomization.yaml",
        "      - MODE=fast",
        "      - MODE=fast\n    files: [app.conf]",
    )
    commit(root)
    edit(root, "overlays/prod/app.conf", "line 9\n", "line nine\n")
    output = diff(root).output
    assert "  -     line 9\n  +     line nine\n" in output
    assert "line 12" not in output
    assert "data[app.conf]: a text of 20 lines → a text of 20 lines" in output
