"""Repositories laid out otherwise: the same commands find the same environments in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gitops.cli import cli
from gitops.declarations import by_environment
from gitops.environments import Environments, place
from gitops.errors import GitopsError
from gitops.repository import Repository
from gitops.selection import choose, choose_beside
from tests.clone import commit, git
from tests.gitops.test_cases import written

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
DIGESTS = {"dev": TWO, "staging": ONE, "prod": ONE, "eu": ONE, "us": THREE}
LAYOUTS = {
    "environments first": "{environment}/{application}",
    "in a folder of environments": "environments/{environment}/apps/{application}",
    "clusters": "clusters/{environment}/{application}",
    "applications first": "apps/{application}/overlays/{environment}",
    "flat": "{application}-{environment}",
    "flat, environments first": "overlays/{environment}-{application}",
}


def image(name: str, digest: str, new_name: str = "") -> str:
    new = f", newName: {new_name}" * bool(new_name)
    return f"  - {{name: {name}{new}, newTag: v{digest[7]}, digest: {digest}}}\n"


def overlay(folder: str, base: str, *images: str) -> dict[str, str]:
    above = os.path.relpath(base, folder)
    text = f"# {folder}\nresources: [{above}]\nimages:\n{''.join(images)}"
    return {f"{folder}/kustomization.yaml": text}


def laid_out(root: Path, layout: str, *environments: str) -> Path:
    """Write the overlays of two applications, each with a proxy beside it."""
    for application in ("cart", "shop"):
        for environment in environments:
            folder = layout.format(application=application, environment=environment)
            digest = DIGESTS[environment]
            names = (f"r.example:5000/{application}", "proxy")
            entries = [image(name, digest) for name in names]
            written(root, overlay(folder, f"base/{application}", *entries))
            written(root, {f"base/{application}/kustomization.yaml": "resources: []\n"})
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


def run(root: Path, *argv: str) -> Result:
    command, *options = argv
    more = ["--without-ledger"] if command == "promote" else []
    return CliRunner().invoke(cli, [command, str(root), *options, *more])


def changed(root: Path) -> list[str]:
    return git(root, "diff", "--name-only").splitlines()


def declared(root: Path) -> dict[str, list[str]]:
    found = by_environment(Repository.open(root))
    return {environment: sorted(images) for environment, images in found.items()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_release_goes_to_the_same_application_in_the_next_environment(
    tmp_path: Path, layout: str
) -> None:
    root = laid_out(tmp_path, LAYOUTS[layout], "dev", "staging", "prod")
    folders = [LAYOUTS[layout].format(application="shop", environment=e) for e in DIGESTS]
    files = dict(zip(DIGESTS, [f"{folder}/kustomization.yaml" for folder in folders], strict=True))
    before = (root / files["staging"]).read_text()

    result = run(root, "promote", "--from=dev", "--to=staging", "--image=r.example:5000/shop")

    assert (result.exit_code, changed(root)) == (0, [files["staging"]]), result.output
    entry = image("r.example:5000/shop", ONE)
    after = before.replace(entry, image("r.example:5000/shop", TWO))
    assert (root / files["staging"]).read_text() == after

    commit(root)
    pin = ("--tag=v3", f"--digest={THREE}", "--image=r.example:5000/shop")
    assert run(root, "pin", "--env=prod", *pin).exit_code == 0
    assert changed(root) == [files["prod"]]
    commit(root)
    back = run(root, "rollback", "--env=staging", "--image=r.example:5000/shop")
    assert (back.exit_code, changed(root)) == (0, [files["staging"]])
    assert (root / files["staging"]).read_text() == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_image_of_several_applications_goes_from_one_to_the_same_one(
    tmp_path: Path, layout: str
) -> None:
    root = laid_out(tmp_path, LAYOUTS[layout], "dev", "staging")
    dev = LAYOUTS[layout].format(application="shop", environment="dev")
    argv = ("promote", "--to=staging", "--image=proxy")
    assert "name one of them by its path" in run(root, *argv, "--from=dev").output
    assert run(root, *argv, f"--from=./{dev}/").exit_code == 0
    staging = LAYOUTS[layout].format(application="shop", environment="staging")
    assert changed(root) == [f"{staging}/kustomization.yaml"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_application_without_that_environment_is_left_alone(tmp_path: Path, layout: str) -> None:
    root = laid_out(tmp_path, LAYOUTS[layout], "dev", "staging")
    gone = root / LAYOUTS[layout].format(application="shop", environment="staging")
    (gone / "kustomization.yaml").unlink()
    commit(root)
    dev = LAYOUTS[layout].format(application="shop", environment="dev")
    for name in ("proxy", "r.example:5000/shop"):
        result = run(root, "promote", f"--from={dev}", "--to=staging", f"--image={name}")
        assert (result.exit_code, changed(root)) == (2, []), result.output
    assert (
        f"{dev} pins proxy, and in staging only "
        in run(root, "promote", f"--from={dev}", "--to=staging", "--image=proxy").output
    )


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if "flat" not in name])
def test_what_is_declared_is_of_the_environment_and_not_of_the_folder(
    tmp_path: Path, layout: str
) -> None:
    root = laid_out(tmp_path, LAYOUTS[layout], "dev", "prod")
    images = ["proxy", "r.example:5000/cart", "r.example:5000/shop"]
    assert declared(root) == {"dev": images, "prod": images}
    # One environment of them alone, too.
    folder = LAYOUTS[layout].format(application="shop", environment="prod")
    assert declared(root / folder) == {"prod": ["proxy", "r.example:5000/shop"]}


def test_flat_folders_are_of_the_environments_that_are_listed(tmp_path: Path) -> None:
    root = laid_out(tmp_path, LAYOUTS["flat"], "dev", "prod")
    assert declared(root).keys() == {"cart-dev", "cart-prod", "shop-dev", "shop-prod"}
    written(root, {"gitops.yaml": "environments: [dev, prod]\n"})
    assert declared(root).keys() == {"dev", "prod"}


@pytest.mark.parametrize(
    ("path", "listed", "environment", "below"),
    [
        ("overlays/dev", (), "dev", ()),
        ("dev/shop", (), "dev", ("shop",)),
        ("apps/Production/media/shop", (), "Production", ("media", "shop")),
        ("environments/prod/apps/test-runner", (), "prod", ("apps", "test-runner")),
        ("clusters/home/apps/shop", (), "home", ("apps", "shop")),
        ("clusters/home", (), "home", ()),
        ("overlays/prod-eu/shop", (), "prod-eu", ("shop",)),
        ("overlays/blue/shop", (), "shop", ()),
        ("overlays/blue/shop", ("blue", "green"), "blue", ("shop",)),
        ("blue-shop", ("blue", "green"), "blue", ()),
        ("prod/eu", ("eu", "us"), "eu", ()),
        ("devices", ("dev",), "devices", ()),
    ],
)
def test_which_environment_a_path_is_of(
    path: str, listed: tuple[str, ...], environment: str, below: tuple[str, ...]
) -> None:
    assert place(Path(path), listed) == (environment, below)


@pytest.fixture
def regions(tmp_path: Path) -> Path:
    """One application: prod has two regions, which may have different releases."""
    written(tmp_path, {"base/kustomization.yaml": "resources: []\n"})
    for folder, digest in {"staging/eu": TWO, "prod/eu": ONE, "prod/us": THREE}.items():
        written(tmp_path, overlay(folder, "base", image("shop", digest)))
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    commit(tmp_path)
    return tmp_path


def test_regions_of_an_environment_are_environments(regions: Path) -> None:
    assert declared(regions).keys() == {"staging", "prod-eu", "prod-us"}


def test_a_release_goes_to_the_region_that_is_meant(regions: Path) -> None:
    assert run(regions, "promote", "--from=staging", "--to=prod").exit_code == 0
    assert changed(regions) == ["prod/eu/kustomization.yaml"], "the same region"
    git(regions, "checkout", ".")
    result = run(regions, "promote", "--from=staging", "--to=prod-us")
    assert (result.exit_code, changed(regions)) == (0, ["prod/us/kustomization.yaml"])
    assert "to prod-us" in result.output
    git(regions, "checkout", ".")
    result = run(regions, "pin", "--env=prod", "--tag=v4", f"--digest={TWO}")
    assert "prod/eu, prod/us pin shop: name one of them by its path" in result.output


def test_what_is_above_the_clone_names_no_environment(tmp_path: Path) -> None:
    root = laid_out(tmp_path / "prod", "apps/{application}/{environment}", "eu", "us")
    route = ("--from=apps/shop/eu", "--to=apps/shop/us", "--image=proxy")
    result = run(root, "promote", *route)
    assert (result.exit_code, changed(root)) == (0, ["apps/shop/us/kustomization.yaml"]), (
        result.output
    )


def test_applications_of_one_generic_base_are_no_regions(tmp_path: Path) -> None:
    """Nor are they one service, though their manifests have the same name for the image."""
    written(tmp_path, {"base/kustomization.yaml": "resources: []\n"})
    for name in ("cart", "shop"):
        for environment in ("dev", "prod"):
            entry = image("app", DIGESTS[environment], f"r.example/{name}")
            written(tmp_path, overlay(f"{environment}/{name}", "base", entry))
    assert declared(tmp_path) == {
        name: ["r.example/cart", "r.example/shop"] for name in ("dev", "prod")
    }
    repository = Repository.open(tmp_path)
    here = choose(Environments.find(repository), "dev", "r.example/shop")
    assert here.overlay.name == "dev/shop"
    assert choose_beside(Environments.find(repository), "prod", here).overlay.name == "prod/shop"


def test_an_image_that_manifests_name_otherwise_is_found_as_it_is_pulled(tmp_path: Path) -> None:
    written(tmp_path, {"base/kustomization.yaml": "resources: []\n"})
    written(tmp_path, overlay("dev", "base", image("shop", TWO, "r.example/shop")))
    written(tmp_path, overlay("prod", "base", image("r.example/shop", ONE)))
    repository = Repository.open(tmp_path)
    here = choose(Environments.find(repository), "dev", None)
    assert choose_beside(Environments.find(repository), "prod", here).overlay.name == "prod"


def test_where_an_environment_is_a_branch_it_says_so(tmp_path: Path) -> None:
    written(tmp_path, {"base/kustomization.yaml": "resources: []\n"})
    written(tmp_path, overlay("deploy", "base", image("shop", TWO)))
    git(tmp_path, "init", "--quiet", "--initial-branch", "dev")
    commit(tmp_path)
    git(tmp_path, "branch", "prod")
    result = run(tmp_path, "promote", "--from=deploy", "--to=prod")
    assert result.exit_code == 2
    assert "prod is a branch: releases are copied between folders of one checkout" in result.output
    assert "is a branch" not in run(tmp_path, "promote", "--from=deploy", "--to=qa").output


def test_what_has_no_pin_of_its_own_is_told_where_to_write_one(tmp_path: Path) -> None:
    written(tmp_path, {"base/kustomization.yaml": f"images:\n{image('shop', TWO)}"})
    for name in ("dev", "prod"):
        written(tmp_path, {f"{name}/kustomization.yaml": "resources: [../base]\n"})
    with pytest.raises(GitopsError, match=r"write one under `images` in dev/kustomization.yaml$"):
        choose(Environments.find(Repository.open(tmp_path)), "dev", None)


def test_a_checkout_of_a_commit_and_changes_elsewhere_do_not_matter(tmp_path: Path) -> None:
    root = laid_out(tmp_path, LAYOUTS["environments first"], "dev", "staging")
    git(root, "checkout", "--quiet", "--detach")
    written(root, {"notes.txt": "to do\n", "dev/cart/kustomization.yaml": "resources: []\n"})
    argv = ("promote", "--from=dev", "--to=staging", "--image=r.example:5000/shop")
    assert run(root, *argv).exit_code == 0
    file = root / "staging/shop/kustomization.yaml"
    assert TWO in file.read_text()
