"""Releases that are pinned elsewhere than in the overlay's own kustomization."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops import nodes
from gitops.declarations import by_environment, undeclared
from gitops.environments import Environments
from gitops.errors import GitopsError
from gitops.pins import pins
from gitops.releases import Release, plain
from gitops.repository import Repository
from gitops.selection import choose
from tests.gitops.test_cases import written

ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")
BASE = {
    "base/kustomization.yaml": "resources: [shop.yaml]\n",
    "base/shop.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\n"
    "spec: {containers: [{name: a, image: shop}]}\n",
    "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: patch.yaml}]\n",
    "prod/patch.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec: {}\n",
}
APPLICATION = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec:\n"
    "  source: {repoURL: https://example.com/shop, path: prod}\n"
)
PLACES = {
    "a patch": (
        "prod/patch.yaml",
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: shop}}\nspec:\n  containers:\n"
        f"    - {{name: a, image: 'shop:1@{ONE}'}} # it\n    - name: b\n      image: mail:1\n",
    ),
    "an operation": (
        "prod/patch.yaml",
        "- {op: test, path: /spec/containers/0/name, value: 'shop:1'}\n"
        f"- op: replace\n  path: /spec/containers/0/image\n  value: shop:1@{ONE} # it\n",
    ),
    "an Application": (
        "argocd/shop.yaml",
        "a: [&x b, *x] # of another document\n---\n"
        + APPLICATION.replace(
            "path: prod", f"path: prod, kustomize: {{images: ['shop=r.example.com/shop:1@{ONE}']}}"
        ),
    ),
    "what Argo CD's Image Updater writes": (
        "prod/.argocd-source-shop.yaml",
        f"kustomize:\n  images:\n    - shop:1@{ONE}\n    - mail:1\n",
    ),
    "a Kustomization of Flux": (
        "clusters/prod.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: shop}\n"
        f"spec:\n  path: ./prod\n  images:\n    - name: shop # it\n      newTag: '1'\n"
        f"      digest: {ONE}\n",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_release_is_found_and_written_where_it_is(tmp_path: Path, place: str) -> None:
    name, text = PLACES[place]
    files = {**BASE, "unrelated.yaml": "a: [\n", name: text}
    if name.startswith("prod/.argocd"):
        files["argocd/shop.yaml"] = APPLICATION
    written(tmp_path, files)
    pin = choose(Environments.find(Repository.open(tmp_path)), "prod", "shop")
    assert (pin.file, pin.release) == (tmp_path / name, Release("1", ONE))
    assert pin.name == ("r.example.com/shop" if place == "an Application" else "shop")
    after = pin.with_release(Release("1.10", TWO))
    assert pin.at(after) == Release("1.10", TWO)
    assert after.replace(TWO, ONE).replace("1.10", "1") == text
    assert pin.at(pin.with_release(Release("2", ""))) == Release("2", "")


CONTAINER = "kind: Pod\nmetadata: {{name: {}}}\nspec:\n  containers: [{{name: a, image: {}}}]\n"
SEVERAL = {
    "containers": {"patch.yaml": f"- image: shop:1@{ONE}\n- image: 'shop:1@{ONE}' # it\n"},
    "operations": {
        "patch.yaml": "".join(
            f"- {{op: add, path: /spec/{each}/0/image, value: shop:1@{ONE}}}\n" for each in "ab"
        )
    },
    "objects": {
        "patch.yaml": "---\n".join(CONTAINER.format(name, f"shop:1@{ONE}") for name in "ab")
    },
    "releases": {"patch.yaml": f"- image: shop:1@{ONE}\n- image: shop:2@{TWO}\n"},
    "files": {
        "patch.yaml": CONTAINER.format("a", "shop:1"),
        "other.yaml": CONTAINER.format("b", "shop:1"),
    },
}


@pytest.mark.parametrize("several", SEVERAL)
def test_what_patches_pin_for_several_containers_is_changed_for_all_or_none(
    tmp_path: Path, several: str
) -> None:
    files = SEVERAL[several]
    patches = ", ".join(f"{{path: {name}, target: {{kind: Pod}}}}" for name in files)
    written(tmp_path, BASE)
    written(tmp_path / "prod", {"kustomization.yaml": f"patches: [{patches}]\n", **files})
    pin = choose(Environments.find(Repository.open(tmp_path)), "prod", "shop")
    reason = undeclared([pin], {"shop": [pin]})
    if several in ("releases", "files"):
        with pytest.raises(GitopsError, match="write its release under `images`, once for all"):
            pin.with_release(Release("3", TWO))
        assert reason == ("several releases, of prod" if several == "releases" else "")
        return
    assert reason == ""
    after = pin.with_release(Release("3", TWO))
    assert after == files["patch.yaml"].replace(f"shop:1@{ONE}", f"shop:3@{TWO}")
    assert pin.at(after) == Release("3", TWO)


@pytest.mark.parametrize(
    ("tags", "quoted"),
    [
        ("v1 1.2.3 1.2.3-rc.1 7.2-alpine fc76a29 2f2e650 main 12h nightly-2024", False),
        ("1 1.10 0123 1e3 1e-3 7e12345 0x1F 0xcaf 0o17 0b1 1_000 1. 2024-01-01", True),
        ("true Yes off null n _1 __", True),
    ],
)
def test_a_tag_has_quotation_marks_where_it_may_be_read_as_something_else(
    tags: str, *, quoted: bool
) -> None:
    for tag in tags.split():
        assert plain(tag) == (f'"{tag}"' if quoted else tag)
        assert nodes.scalar(plain(tag).strip('"')) == tag or quoted


@pytest.mark.parametrize(
    ("entry", "after"),
    [
        (
            "- newTag: v1 # it\n  # what it is\n  name: shop # here\n",
            f"- # what it is\n  name: shop # here\n  digest: {TWO}\n",
        ),
        (
            f"- newTag: v1\n  name: shop\n  # it\n  digest: {ONE} # too\n",
            f"- name: shop\n  # it\n  digest: {TWO} # too\n",
        ),
        (
            f"- {{\n    name: shop, # here\n    newTag: v1, # it\n    digest: {ONE} # too\n  }}\n",
            f"- {{\n    name: shop, # here\n    digest: {TWO} # too\n  }}\n",
        ),
        (
            f"- {{\n    name: shop, # here\n    digest: {ONE}, # it\n    newTag: v1 # too\n  }}\n",
            f"- {{\n    name: shop, # here\n    digest: {TWO}, # it\n     # too\n  }}\n",
        ),
        (
            f'[\n{{\n"name": "shop",\n"digest": "{ONE}",\n"newTag": "v1"\n}}\n]\n',
            f'[\n{{\n"name": "shop",\n"digest": "{TWO}"\n}}\n]\n',
        ),
    ],
)
def test_a_tag_is_taken_away_and_the_comments_on_other_keys_stay(
    tmp_path: Path, entry: str, after: str
) -> None:
    indented = entry if entry.startswith("-") else f"  {entry}"
    text = "resources: [../base]\nimages:\n"
    written(tmp_path, {**BASE, "prod/kustomization.yaml": text + indented})
    known = Environments.find(Repository.open(tmp_path))

    new = choose(known, "prod", "shop").with_release(Release("", TWO))

    assert new == text + indented.replace(entry, after)


def test_what_an_entry_takes_from_another_is_its_release_in_any_text(tmp_path: Path) -> None:
    entry = "{name: shop, <<: *release, newTag: v2}"
    text = f"x: &release {{newTag: v1, digest: {ONE}}}\nresources: [../base]\nimages: [{entry}]\n"
    written(tmp_path, {**BASE, "prod/kustomization.yaml": text.replace("x:", "commonLabels:")})
    pin = choose(Environments.find(Repository.open(tmp_path)), "prod", "shop")

    assert pin.release == pin.at(text) == Release("v2", ONE)
    assert pin.at(text.replace(", newTag: v2", "")) == Release("v1", ONE)


def test_a_patch_that_two_overlays_name_is_the_pin_of_neither(tmp_path: Path) -> None:
    eu = {
        "prod/eu/kustomization.yaml": "resources: [../../base]\npatches: [{path: ../patch.yaml}]\n"
    }
    written(tmp_path, {**BASE, "prod/patch.yaml": CONTAINER.format("shop", "shop:1"), **eu})
    repository = Repository.open(tmp_path)
    assert [pins(repository, overlay) for overlay in repository.overlays] == [{}, {}]


@pytest.mark.parametrize(
    ("outer", "file"),
    [("shop", "prod/own/kustomization.yaml"), ("r/shop", "prod/kustomization.yaml")],
)
def test_an_image_that_is_renamed_inside_is_pinned_by_its_new_name(
    tmp_path: Path, outer: str, file: str
) -> None:
    images = {
        "": f"{{name: {outer}, newTag: '2'}}",
        "own/": "{name: shop, newName: r/shop, newTag: '1'}",
    }
    written(tmp_path, BASE)
    for folder, entry in images.items():
        text = f"resources: [{'own' if not folder else '../../base'}]\nimages: [{entry}]\n"
        written(tmp_path, {f"prod/{folder}kustomization.yaml": text})
    assert (
        choose(Environments.find(Repository.open(tmp_path)), "prod", None).file == tmp_path / file
    )


def test_objects_of_one_name_are_told_apart_by_their_namespaces(tmp_path: Path) -> None:
    own, other = (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: shop, namespace: {path}}}\n"
        f"spec:\n  path: ./{path}\n  images: [{{name: shop, newTag: {path}}}]\n"
        for path in ("prod", "elsewhere")
    )
    written(tmp_path, {**BASE, "shop.yaml": f"{own}---\n{other}"})
    pin = choose(Environments.find(Repository.open(tmp_path)), "prod", "shop")
    assert pin.release.tag == "prod"
    changed = own.replace("newTag: prod", "newTag: v2")
    assert pin.with_release(Release("v2", "")) == f"{changed}---\n{other}"


def test_null_is_no_tag(tmp_path: Path) -> None:
    own = (
        f"images:\n  - {{name: shop, newTag: ~, digest: {ONE}}}\n  - {{name: mail, newTag: null}}\n"
    )
    written(tmp_path, {**BASE, "prod/kustomization.yaml": own})
    pin = choose(Environments.find(Repository.open(tmp_path)), "prod", None)
    assert (pin.image, pin.release) == ("shop", Release("", ONE))


def test_what_counts_last_is_what_an_overlay_pins(tmp_path: Path) -> None:
    patch, (source, application) = PLACES["a patch"], PLACES["a Kustomization of Flux"]
    written(tmp_path, {**BASE, patch[0]: patch[1]})
    found = pins(Repository.open(tmp_path), Repository.open(tmp_path).overlays[0])
    assert [pin.file.name for pin in found.values()] == ["patch.yaml", "patch.yaml"]
    own = BASE["prod/kustomization.yaml"] + "images: [{name: shop, newTag: '3'}]\n"
    written(tmp_path, {"prod/kustomization.yaml": own})
    assert choose(Environments.find(Repository.open(tmp_path)), "prod", None).release.tag == "3"
    written(tmp_path, {source: application})
    assert (
        choose(Environments.find(Repository.open(tmp_path)), "prod", "shop").file
        == tmp_path / source
    )


@pytest.mark.parametrize(
    "image", ["shop:{{tag}}", "shop:$ARGOCD_APP_REVISION", "shop", "shop=other"]
)
def test_what_is_filled_in_elsewhere_is_no_release(tmp_path: Path, image: str) -> None:
    kustomize = f"path: prod, kustomize: {{images: ['{image}']}}"
    text = APPLICATION.replace("path: prod", kustomize)
    written(tmp_path, {**BASE, "argocd/shop.yaml": text})
    repository = Repository.open(tmp_path)
    assert pins(repository, repository.overlays[0]) == {}


def test_of_objects_that_apply_one_folder_each_is_named_by_itself(tmp_path: Path) -> None:
    """What is declared for the folder is then known only if they agree."""
    names = {"shop-eu": "1", "shop-us": "2"}
    for name, tag in names.items():
        text = APPLICATION.replace("name: shop", f"name: {name}")
        images = f"path: prod, kustomize: {{images: ['shop:{tag}']}}"
        written(tmp_path, {**BASE, f"{name}.yaml": text.replace("path: prod", images)})
    repository = Repository.open(tmp_path)

    with pytest.raises(GitopsError, match=r"shop-eu, shop-us pin shop: name one of them$"):
        choose(Environments.find(repository), "prod", None)
    assert {
        name: choose(Environments.find(repository), name, None).release.tag for name in names
    } == names
    (same,) = by_environment(repository)["prod"].values()
    assert undeclared(same, {"shop": same}) == "several releases, of shop-eu, shop-us"

    written(tmp_path, {"shop-us.yaml": (tmp_path / "shop-us.yaml").read_text().replace(":2", ":1")})
    (same,) = by_environment(Repository.open(tmp_path))["prod"].values()
    assert undeclared(same, {"shop": same}) == ""
