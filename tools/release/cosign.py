"""Sign an image, attest its SBOMs, and verify both, with cosign.

With --key the key alone is trusted: nothing is sent to a public log, and none is asked. Without one
the signer is a workflow of GitHub, by an identity that lasts for minutes; verifying names it.
"""

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitops.cosign import identity_options, key_options, run
from gitops.images import DIGEST, split
from tools import project
from tools.command import ROOT, ToolError, exit_with, say
from tools.release import version

PROGRAM = ROOT / ".tools" / "cosign"
ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = ".github/workflows/build-image.yaml"  # who signs: nothing else of the repository may
TYPES = {".cdx.json": "cyclonedx", ".spdx.json": "spdxjson"}
# How cosign is told to use no services: neither a log nor a certificate authority, and no roots.
NO_SERVICES = ROOT / "tools" / "cosign" / "no-services.json"
NO_ROOTS = ROOT / "tools" / "cosign" / "no-roots.json"


@dataclass(frozen=True)
class Key:
    """A key of one's own: a file, or the address of one in a key management service."""

    name: str

    def signing(self) -> list[str]:
        """Return cosign's options to sign with it."""
        alone = ["--signing-config", str(NO_SERVICES), "--trusted-root", str(NO_ROOTS)]
        return ["--key", self.name, *alone]

    def verifying(self) -> list[str]:
        """Return cosign's options to verify with its public half."""
        return key_options(self.name)


@dataclass(frozen=True)
class Keyless:
    """A workflow of a repository on GitHub, at a tag."""

    repository: str
    tag: str

    def signing(self) -> list[str]:
        """Return no options: cosign then takes the identity of the workflow that it runs in."""
        if "ACTIONS_ID_TOKEN_REQUEST_TOKEN" not in os.environ:
            raise ToolError("only a GitHub workflow can sign without a key: set COSIGN_KEY=")
        return []

    def verifying(self) -> list[str]:
        """Return cosign's options to verify that this workflow signed it, at this tag."""
        name = f"https://github.com/{self.repository}/{WORKFLOW}@refs/tags/{self.tag}"
        return identity_options(name, ISSUER)


Signer = Key | Keyless


def demand_digest(image: str) -> None:
    """Raise ToolError for an image without a digest: a tag can be moved after it is signed."""
    name, _, digest = split(image)
    if not name or not DIGEST.fullmatch(digest):
        raise ToolError(f"{image}: name the image by digest, NAME@sha256:…")


def predicate(file: Path) -> str:
    """Return the predicate type of an SBOM, by the ending of its name."""
    for ending, kind in TYPES.items():
        if file.name.endswith(ending):
            return kind
    raise ToolError(f"{file}: the name of an SBOM ends in {' or '.join(TYPES)}")


def sign(image: str, signer: Signer, sboms: Sequence[Path]) -> None:
    """Sign an image and attest its SBOMs."""
    demand_digest(image)
    options = signer.signing()
    kinds = {file: predicate(file) for file in sboms}
    run(PROGRAM, "sign", "--yes", *options, image)
    say(f"signed {image}")
    for file, kind in kinds.items():
        run(PROGRAM, "attest", "--yes", *options, "--type", kind, "--predicate", file, image)
        say(f"attested {file.name} ({kind})")


def verification(image: str, signer: Signer) -> dict[str, list[str]]:
    """Return the commands that verify an image, by what each verifies."""
    whose = signer.verifying()
    return {
        "The signature": ["verify", *whose, image],
        "What is in it, as CycloneDX": ["verify-attestation", "--type", "cyclonedx", *whose, image],
        "What is in it, as SPDX": ["verify-attestation", "--type", "spdxjson", *whose, image],
    }


def verify(image: str, signer: Signer, *, contents: bool) -> None:
    """Verify an image's signature and, if asked, its SBOMs. Raises ToolError if one is missing."""
    demand_digest(image)
    for what, argv in verification(image, signer).items():
        if contents or argv[0] == "verify":
            run(PROGRAM, *argv)
            say(f"verified {what[0].lower()}{what[1:]}")


def shown(argv: Sequence[str]) -> str:
    """Return a command line to copy: one option on each line, and the image on the last."""
    *words, last = map(shlex.quote, argv)
    return " \\\n  ".join([*" ".join(words).replace(" --", "\n--").split("\n"), last])


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.cosign", description=__doc__)
    parser.add_argument("action", choices=["sign", "verify"])
    parser.add_argument("--image", metavar="NAME@sha256:…", action="append", required=True)
    parser.add_argument("--key", help="a file, or the address of a key management service")
    parser.add_argument("--repository", metavar="OWNER/NAME", help="default: the overlays' owner's")
    parser.add_argument("--tag", help="of the release that was signed; default: this version's")
    parser.add_argument("--sbom", metavar="F", action="append", type=Path, default=[])
    parser.add_argument("--without-sbom", action="store_true", help="verify the signature alone")
    given = parser.parse_args()
    signer = (
        Key(given.key)
        if given.key
        else Keyless(given.repository or project.repository(), given.tag or version.tag(ROOT))
    )
    for image in given.image:
        if given.action == "sign":
            sign(image, signer, given.sbom)
        else:
            verify(image, signer, contents=not given.without_sbom)


if __name__ == "__main__":
    exit_with(main)
