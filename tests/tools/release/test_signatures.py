"""What is signed, attested and told: the real programs are used in tests/e2e/test_release.py."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from tools.command import ROOT, ToolError
from tools.release import cosign, notes, sbom
from tools.release.cosign import Key, Keyless
from tools.scan import trivy

IMAGE = "ghcr.io/acme/slipway@sha256:" + 64 * "a"
CHART = "ghcr.io/acme/charts/slipway@sha256:" + 64 * "b"
MANIFESTS = "ghcr.io/acme/manifests/slipway@sha256:" + 64 * "c"
SIGNER = Keyless("acme/slipway", "v1.0.0")
REQUIREMENTS = "Flask==3.1.3 \\\n    --hash=sha256:1\ntyping-extensions==4 ; python_version < '3'\n"


def program(folder: Path, text: str) -> Path:
    """Make a program that notes how it is called."""
    file = folder / "program"
    file.write_text(f'#!/bin/sh\necho "$@" >>{folder}/calls\n{text}\n', encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text(encoding="utf-8").splitlines()


def test_with_a_key_nothing_is_sent_to_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosign, "PROGRAM", program(tmp_path, ""))
    cosign.sign(IMAGE, Key("k.key"), [Path("a.cdx.json"), Path("a.spdx.json")])
    cosign.verify(IMAGE, Key("k.pub"), contents=True)
    alone = f"--key k.key --signing-config {cosign.NO_SERVICES} --trusted-root {cosign.NO_ROOTS}"
    assert calls(tmp_path) == [
        f"sign --yes {alone} {IMAGE}",
        f"attest --yes {alone} --type cyclonedx --predicate a.cdx.json {IMAGE}",
        f"attest --yes {alone} --type spdxjson --predicate a.spdx.json {IMAGE}",
        f"verify --key k.pub --insecure-ignore-tlog {IMAGE}",
        f"verify-attestation --type cyclonedx --key k.pub --insecure-ignore-tlog {IMAGE}",
        f"verify-attestation --type spdxjson --key k.pub --insecure-ignore-tlog {IMAGE}",
    ]
    for file in (cosign.NO_SERVICES, cosign.NO_ROOTS):
        assert "url" not in file.read_text(encoding="utf-8").lower()


def test_without_a_key_only_a_workflow_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosign, "PROGRAM", program(tmp_path, ""))
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", raising=False)
    with pytest.raises(ToolError, match="set COSIGN_KEY="):
        cosign.sign(IMAGE, Keyless("acme/slipway", "v1.0.0"), [])
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "x")
    cosign.sign(IMAGE, Keyless("acme/slipway", "v1.0.0"), [])
    assert calls(tmp_path) == [f"sign --yes {IMAGE}"]


def test_the_signer_is_one_workflow_at_one_tag() -> None:
    told = " ".join(Keyless("acme/slipway", "v1.0.0").verifying())
    workflow = ".github/workflows/build-image.yaml"
    assert f"https://github.com/acme/slipway/{workflow}@refs/tags/v1.0.0 " in told
    assert told.endswith("--certificate-oidc-issuer https://token.actions.githubusercontent.com")


@pytest.mark.parametrize(
    "image", ["ghcr.io/acme/slipway:1.0.0", "ghcr.io/acme/slipway@", "@sha256:"]
)
def test_an_image_by_tag_is_neither_signed_nor_verified(image: str) -> None:
    for act in (
        lambda: cosign.sign(image, Key("k"), []),
        lambda: cosign.verify(image, Key("k"), contents=False),
        lambda: notes.notes("", image, SIGNER, {}),
        lambda: notes.notes("", IMAGE, SIGNER, {"chart": image}),
    ):
        with pytest.raises(ToolError, match="name the image by digest"):
            act()


def test_what_cosign_says_is_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosign, "PROGRAM", program(tmp_path, "echo no signatures >&2; exit 10"))
    with pytest.raises(ToolError, match="cosign verify: no signatures"):
        cosign.verify(IMAGE, Key("k.pub"), contents=True)


def test_a_file_that_is_no_sbom_is_refused_before_anything_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosign, "PROGRAM", program(tmp_path, ""))
    with pytest.raises(ToolError, match="name of an SBOM ends in"):
        cosign.sign(IMAGE, Key("k"), [Path("notes.json")])
    assert not (tmp_path / "calls").exists()


def test_a_release_page_has_the_changes_and_a_command_for_each_artefact() -> None:
    beside = {"chart": CHART, "manifests": MANIFESTS}
    page = notes.notes("- A thing.", IMAGE, SIGNER, beside, linter="1.2.3")
    assert "## Linter\n\n    uvx kustomize-gitops@1.2.3 check\n" in page
    assert page.startswith("- A thing.\n\n## Image\n\n    " + IMAGE)
    commands = re.findall(r"```sh\n(.*?)\n```", page, re.DOTALL)
    assert [command.replace("\\\n ", "").split()[:3] for command in commands] == [
        ["cosign", "verify", "--certificate-identity"],
        ["cosign", "verify-attestation", "--type"],
        ["cosign", "verify-attestation", "--type"],
        ["cosign", "verify", "--certificate-identity"],
        ["cosign", "verify", "--certificate-identity"],
        ["gh", "attestation", "verify"],
        ["gh", "attestation", "verify"],
    ]
    assert f"## Chart\n\n    oci://{CHART}\n\n## Manifests\n\n    oci://{MANIFESTS}\n" in page
    assert commands[0].splitlines()[-1] == f"  {IMAGE}"
    assert max(map(len, page.splitlines())) < 140


def test_a_page_tells_of_no_attestation_where_none_was_made() -> None:
    page = notes.notes("- A thing.", IMAGE, SIGNER, {}, attested=False)
    assert "## Linter" not in page
    assert "gh attestation" not in page
    assert "cosign verify" in page


def cyclonedx(*names: str) -> dict[str, Any]:
    return {"components": [{"purl": f"pkg:pypi/{name}@1"} for name in names] + [{"name": "apt"}]}


def spdx(*names: str) -> dict[str, Any]:
    refs = [[{"referenceLocator": f"pkg:pypi/{name}@1"}] for name in names]
    return {"packages": [{"externalRefs": each} for each in refs] + [{"name": "root"}]}


def test_both_formats_name_the_python_packages() -> None:
    given = ("Typing_Extensions", "flask")
    assert sbom.names(cyclonedx(*given)) == sbom.names(spdx(*given))
    assert sbom.names(cyclonedx(*given)) == {"typing-extensions", "flask"}


def test_what_the_image_needs_is_what_is_pinned_for_it() -> None:
    assert sbom.needed(REQUIREMENTS) == {"flask"}
    assert "flask" in sbom.needed((ROOT / "requirements.txt").read_text(encoding="utf-8"))


def a_trivy(folder: Path, *names: str) -> Path:
    """Make a Trivy that finds these packages in any image."""
    for kind, document in (("cyclonedx", cyclonedx(*names)), ("spdx-json", spdx(*names))):
        (folder / kind).write_text(json.dumps(document), encoding="utf-8")
    version = json.dumps({"Version": trivy.VERSION})
    text = f"""[ "$1" != version ] || {{ echo '{version}'; exit; }}
while [ "$1" != --format ]; do shift; done; kind=$2
while [ "$1" != --output ]; do shift; done; cp {folder}/$kind "$2\""""
    return program(folder, text)


def test_an_sbom_is_written_in_both_formats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sbom.needed((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    monkeypatch.setenv("TRIVY", str(a_trivy(tmp_path, *whole)))
    written = sbom.write(["slipway:1"], tmp_path / "sbom", "slipway-1")
    assert [file.name for file in written] == ["slipway-1.cdx.json", "slipway-1.spdx.json"]
    assert {cosign.predicate(file) for file in written} == {"cyclonedx", "spdxjson"}


def test_an_sbom_that_lacks_a_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sbom.needed((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    monkeypatch.setenv("TRIVY", str(a_trivy(tmp_path, *(whole - {"flask"}))))
    with pytest.raises(ToolError, match="the SBOM of slipway:1 lacks flask"):
        sbom.write(["slipway:1"], tmp_path / "sbom", "slipway-1")
    assert not [*(tmp_path / "sbom").iterdir()], "what was refused cannot be attested"


def test_without_trivy_there_is_no_sbom_and_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIVY", str(tmp_path / "missing"))
    with pytest.raises(ToolError, match=r"no SBOM: .* is not installed"):
        sbom.write(["slipway:1"], tmp_path / "sbom", "slipway-1")


def test_several_images_are_signed_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosign, "PROGRAM", program(tmp_path, ""))
    words = ["--image", CHART, "--image", MANIFESTS, "--key", "k.key", "sign"]
    monkeypatch.setattr("sys.argv", ["cosign", *words])
    cosign.main()

    assert [call.split()[-1] for call in calls(tmp_path)] == [CHART, MANIFESTS]
