"""A release from tag to promotion, against a real registry: signed with a key, no log asked.

It needs Docker and a registry, and no cluster: `make rehearse`.
"""

import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clone import commit, copy, git
from tests.tools.chart.comparison import helm, of_kustomize
from tools import overlay
from tools.command import ROOT
from tools.scan import trivy

VERSION = "99.0.0"
ARCHITECTURE = "amd64"
PATH = "rehearsal/slipway"
RELEASE = "k8s/overlays/{}/release/kustomization.yaml"
# Nothing of the make that runs this: what it was told, such as ARGS=, is not for a release.
PASSED = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_BUILD_FLAGS", "TRIVY")
NO_PASSWORD = {"COSIGN_PASSWORD": ""}
TOOLS = ("cosign", "helm", "kustomize", "oras", "renderer")
PROGRAMS = (".venv/.ready", *(f".tools/{name}" for name in TOOLS))
CONTENT = "application/vnd.oci.image.layer.v1.tar+gzip"  # what Argo CD takes, and Flux first of all


@dataclass(frozen=True)
class Rehearsal:
    """A clone with a release in a registry."""

    root: Path
    registry: str
    digest: str
    signed: str  # what the signing said
    beside: dict[str, str]  # the addresses, by digest, of the chart and the manifests

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        return make(self.root, self.registry, *words)

    @property
    def image(self) -> str:
        return f"{self.registry}/{PATH}"


def make(root: Path, registry: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a make target in a clone, with the programs of this one."""
    done = [f"--old-file={program}" for program in PROGRAMS]
    settings = [f"REGISTRY={registry}", f"IMAGE_PATH={PATH}", f"ARCHITECTURES={ARCHITECTURE}"]
    return subprocess.run(
        ["make", *done, *settings, *words],
        cwd=root,
        env={**{name: os.environ[name] for name in PASSED if name in os.environ}, **NO_PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(done: subprocess.CompletedProcess[str], why: str) -> None:
    told = done.stdout + done.stderr
    assert done.returncode != 0, told
    assert why in told


def publish(root: Path, registry: str, *words: str) -> str:
    """Build an image, push it under the version's tag, and return the digest of its index."""
    for target, tag in (("push", f"{VERSION}-{ARCHITECTURE}"), ("index", VERSION)):
        good(make(root, registry, target, f"IMAGE_TAG={tag}", *words))
    return (root / ".build/digest").read_text(encoding="utf-8").strip()


def key(folder: Path, name: str) -> None:
    program, prefix = str(ROOT / ".tools/cosign"), str(folder / name)
    argv = [program, "generate-key-pair", "--output-key-prefix", prefix]
    subprocess.run(argv, env=NO_PASSWORD, check=True, capture_output=True)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A version prepared, tagged, built, pushed and signed, in a clone that asks for its key."""
    registry = os.environ.get("REGISTRY")
    if not registry:
        pytest.fail("REGISTRY is not set: run this through `make rehearse`", pytrace=False)
    root = copy(tmp_path_factory.mktemp("rehearsal") / "clone")
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / ".git/info/exclude").write_text("/.tools\n/.venv\n/*.key\n", encoding="utf-8")
    key(root, "cosign")
    key(root, "other")
    own(root, f"{registry}/{PATH}")
    commit(root)
    good(make(root, registry, "prepare-release", f"VERSION={VERSION}"))
    commit(root)
    git(root, "tag", f"v{VERSION}")
    good(make(root, registry, "release-check", f"TAG=v{VERSION}", "MAIN=main"))
    digest = publish(root, registry)
    if not trivy.absent():
        good(make(root, registry, "sbom", f"IMAGE_TAG={VERSION}-{ARCHITECTURE}"))
    signed = good(make(root, registry, "sign", "COSIGN_KEY=cosign.key"))
    beside = publish_beside(root, registry, digest)
    signed += good(make(root, registry, "sign-packed", "COSIGN_KEY=cosign.key"))
    good(make(root, registry, "pin", "ENV=dev", f"TAG={VERSION}", f"DIGEST={digest}"))
    commit(root)
    return Rehearsal(root, registry, digest, signed, beside)


def publish_beside(root: Path, registry: str, digest: str) -> dict[str, str]:
    """Pack and push the chart and the manifests of an image; return their addresses by digest."""
    found: dict[str, str] = {}
    good(make(root, registry, "pack", f"DIGEST={digest}"))
    for target, kind in (("publish-chart", "charts"), ("publish-manifests", "manifests")):
        good(make(root, registry, target))
        pushed = (root / ".build" / f"{kind}.digest").read_text(encoding="utf-8").strip()
        found[kind] = f"{registry}/rehearsal/{kind}/slipway@{pushed}"
    return found


def own(root: Path, image: str) -> None:
    """Let a clone pull its image from the registry, and ask for the signature of its own key."""
    for env in ("dev", "staging", "prod"):
        file = root / RELEASE.format(env)
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("    newTag:", f"    newName: {image}\n    newTag:"), "utf-8")
    config = root / "k8s/gitops.yaml"
    text = config.read_text(encoding="utf-8")
    text = re.sub(r"  cosign-issuer: .*\n", "", text)
    text = re.sub(r"cosign-identity: .*", "cosign-key: ../cosign.pub", text)
    config.write_text(text, encoding="utf-8")


def declare(rehearsal: Rehearsal, digest: str) -> None:
    """Write a digest into dev past every check, as somebody who may push can."""
    file = rehearsal.root / RELEASE.format("dev")
    text = re.sub("sha256:[0-9a-f]{64}", digest, file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8")
    commit(rehearsal.root)


Promote = Callable[[], subprocess.CompletedProcess[str]]


@pytest.fixture
def promote(rehearsal: Rehearsal) -> Promote:
    """Promote dev to staging, as nobody with a ledger."""
    words = ("promote", "FROM=dev", "TO=staging", "ARGS=--without-ledger")
    return lambda: rehearsal.make(*words)


@pytest.fixture(scope="module")
def tampered(rehearsal: Rehearsal) -> str:
    """The digest of another image, pushed under the same tag."""
    return publish(rehearsal.root, rehearsal.registry, "REVISION=tampered")


def without_sbom() -> tuple[str, ...]:
    return ("ARGS=--without-sbom",) if trivy.absent() else ()


def test_a_release_verifies_with_its_key(rehearsal: Rehearsal) -> None:
    words = ("verify", "COSIGN_KEY=cosign.pub", f"DIGEST={rehearsal.digest}", *without_sbom())
    assert "verified the signature" in good(rehearsal.make(*words))


def test_what_is_in_it_is_attested_in_both_formats(rehearsal: Rehearsal) -> None:
    if why := trivy.absent():
        pytest.skip(f"the SBOM is left out: {why}")
    for kind in ("cyclonedx", "spdxjson"):
        assert f"({kind})" in rehearsal.signed


def test_another_key_does_not_verify_it(rehearsal: Rehearsal) -> None:
    words = ("verify", "COSIGN_KEY=other.pub", f"DIGEST={rehearsal.digest}", *without_sbom())
    refused(rehearsal.make(*words), "failed to verify signature")


def test_the_page_names_the_image_by_its_digest(rehearsal: Rehearsal) -> None:
    page = good(rehearsal.make("release-notes", f"DIGEST={rehearsal.digest}"))
    assert f"{rehearsal.image}@{rehearsal.digest}" in page
    assert "cosign verify" in page


@pytest.mark.parametrize("kind", ["charts", "manifests"])
def test_the_page_names_what_stands_beside_it_by_its_digest(
    rehearsal: Rehearsal, kind: str
) -> None:
    page = good(rehearsal.make("release-notes", f"DIGEST={rehearsal.digest}"))
    assert f"oci://{rehearsal.beside[kind]}" in page


def test_chart_and_manifests_verify_with_its_key_and_with_no_other(rehearsal: Rehearsal) -> None:
    assert good(rehearsal.make("verify-packed", "COSIGN_KEY=cosign.pub")).count("verified") == 2
    refused(rehearsal.make("verify-packed", "COSIGN_KEY=other.pub"), "failed to verify signature")


@pytest.mark.parametrize("env", ["dev", "staging", "prod"])
def test_the_chart_that_is_pulled_by_its_digest_runs_the_image(
    rehearsal: Rehearsal, env: str, tmp_path: Path
) -> None:
    chart = f"oci://{rehearsal.beside['charts']}"
    done = helm("pull", chart, "--plain-http", "--untar", "--untardir", tmp_path)
    assert done.returncode == 0, done.stderr
    values = tmp_path / "slipway" / f"values-{env}.yaml"
    done = helm("template", "any", chart, "--plain-http", "--values", values)
    assert done.returncode == 0, done.stderr
    assert runs(overlay.objects(done.stdout)) == f"{rehearsal.image}:{VERSION}@{rehearsal.digest}"


def runs(among: list[overlay.Object]) -> str:
    """Return the image that the API runs."""
    pod = overlay.find(among, "Deployment")["spec"]["template"]["spec"]
    (image,) = {each["image"] for each in pod["containers"] + pod["initContainers"]}
    return str(image)


def test_the_manifests_that_are_pulled_by_their_digest_run_the_image(
    rehearsal: Rehearsal, tmp_path: Path
) -> None:
    oras, address = str(ROOT / ".tools/oras"), rehearsal.beside["manifests"]
    subprocess.run(
        [oras, "pull", "--plain-http", "--no-tty", "--output", tmp_path, address],
        check=True,
        capture_output=True,
    )
    argv = [oras, "manifest", "fetch", "--plain-http", "--format=json", address]
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert told.count(CONTENT) == 1
    with tarfile.open(tmp_path / "manifests.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    for env in ("dev", "staging", "prod"):
        text = (tmp_path / env / "manifests.yaml").read_text(encoding="utf-8")
        assert runs(overlay.objects(text)) == f"{rehearsal.image}:{VERSION}@{rehearsal.digest}"
        here = overlay.objects(overlay.render(overlay.OVERLAYS / env))
        assert of_kustomize(overlay.objects(text)).keys() == of_kustomize(here).keys()


def test_another_chart_under_the_same_version_is_refused(rehearsal: Rehearsal) -> None:
    root, registry = rehearsal.root, rehearsal.registry
    beside = publish_beside(root, registry, "sha256:" + 64 * "e")
    assert beside["charts"] != rehearsal.beside["charts"]
    refused(rehearsal.make("verify-packed", "COSIGN_KEY=cosign.pub"), "no signatures")
    # The digest that was signed is still what it was.
    digests = [
        f"{name}_DIGEST={rehearsal.beside[kind].partition('@')[2]}"
        for name, kind in (("CHART", "charts"), ("MANIFESTS", "manifests"))
    ]
    good(rehearsal.make("verify-packed", "COSIGN_KEY=cosign.pub", *digests))


def test_dev_pins_it_and_a_promotion_takes_it_on(rehearsal: Rehearsal, promote: Promote) -> None:
    said = good(promote())
    assert "its signature verifies" in said
    staging = rehearsal.root / RELEASE.format("staging")
    assert f"digest: {rehearsal.digest}" in staging.read_text(encoding="utf-8")
    git(rehearsal.root, "checkout", "--quiet", "--", str(staging))


def test_another_image_under_the_same_tag_is_refused(
    rehearsal: Rehearsal, tampered: str, promote: Promote
) -> None:
    assert tampered != rehearsal.digest
    refused(
        rehearsal.make("verify", "COSIGN_KEY=cosign.pub", f"DIGEST={tampered}"), "no signatures"
    )
    refused(
        rehearsal.make("pin", "ENV=dev", f"TAG={VERSION}", f"DIGEST={tampered}"),
        "its signature does not verify",
    )
    declare(rehearsal, tampered)
    refused(promote(), "its signature does not verify")
    declare(rehearsal, rehearsal.digest)


def test_an_image_that_is_signed_by_somebody_else_is_refused(
    rehearsal: Rehearsal, promote: Promote
) -> None:
    foreign = publish(rehearsal.root, rehearsal.registry, "REVISION=foreign")
    good(rehearsal.make("sign", "COSIGN_KEY=other.key", f"DIGEST={foreign}"))
    declare(rehearsal, foreign)
    refused(promote(), "its signature does not verify")
    declare(rehearsal, rehearsal.digest)


def test_a_digest_that_was_never_pushed_is_refused(rehearsal: Rehearsal, promote: Promote) -> None:
    declare(rehearsal, "sha256:" + 64 * "d")
    refused(promote(), "its signature does not verify")
    declare(rehearsal, rehearsal.digest)
