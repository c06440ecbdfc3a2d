"""Write what a release page says: the changelog's section, and how to verify each artefact."""

import argparse

from tools import project
from tools.command import ROOT, exit_with, say
from tools.release import version
from tools.release.cosign import WORKFLOW, Keyless, demand_digest, shown, verification


def notes(changes: str, image: str, repository: str, tag: str) -> str:
    """Return the text in Markdown."""
    demand_digest(image)
    workflow = ["--repo", repository, "--signer-workflow", f"{repository}/{WORKFLOW}"]
    signer = Keyless(repository, tag)
    commands = {what: ["cosign", *argv] for what, argv in verification(image, signer).items()} | {
        "How it was built": ["gh", "attestation", "verify", *workflow, f"oci://{image}"],
        "A file of this page": ["gh", "attestation", "verify", *workflow, "FILE"],
    }
    lines = [changes, "", "## Image", "", f"    {image}", "", "## Verify", ""]
    for what, argv in commands.items():
        lines += [f"{what}:", "", "```sh", shown(argv), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.notes", description=__doc__)
    parser.add_argument("--image", metavar="NAME@sha256:…", required=True)
    image: str = parser.parse_args().image
    changes = version.notes(ROOT, version.current(ROOT))
    say(notes(changes, image, project.repository(), version.tag(ROOT)))


if __name__ == "__main__":
    exit_with(main)
