"""Write the text of a release page: the changelog's section, and how to verify each artefact."""

import argparse

from gitops import programs
from tools import project
from tools.command import ROOT, exit_with, say
from tools.release import version
from tools.release.cosign import WORKFLOW, Keyless, demand_digest, shown, verification


def notes(
    changes: str,
    image: str,
    signer: Keyless,
    beside: dict[str, str],
    *,
    attested: bool = True,
    linter: str = "",
) -> str:
    """Return the text in Markdown; `beside` has the addresses of what else was published.

    `linter` is the version of it that is published as a package, if it is.
    """
    for reference in (image, *beside.values()):
        demand_digest(reference)
    commands = {what: ["cosign", *argv] for what, argv in verification(image, signer).items()}
    for what, address in beside.items():
        argv = ["cosign", "verify", *signer.verifying(), address]
        commands[f"The signature of the {what}"] = argv
    if attested:
        whose = ["--repo", signer.repository]
        whose += ["--signer-workflow", f"{signer.repository}/{WORKFLOW}"]
        commands["How it was built"] = ["gh", "attestation", "verify", *whose, f"oci://{image}"]
        commands["A file of this page"] = ["gh", "attestation", "verify", *whose, "FILE"]
    lines = [changes, "", "## Image", "", f"    {image}", ""]
    for what, address in beside.items():
        lines += [f"## {what.capitalize()}", "", f"    oci://{address}", ""]
    if linter:
        lines += ["## Linter", "", f"    uvx {programs.PACKAGE}@{linter} check", ""]
    lines += ["## Verify", ""]
    for what, argv in commands.items():
        lines += [f"{what}:", "", "```sh", shown(argv), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def add_artefacts(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the published artefacts to a parser."""
    parser.add_argument("--image", metavar="NAME@sha256:…", required=True)
    parser.add_argument("--chart", metavar="NAME@sha256:…")
    parser.add_argument("--manifests", metavar="NAME@sha256:…")
    parser.add_argument(
        "--without-attestations",
        action="store_true",
        help="none were made, as in a private repository",
    )
    parser.add_argument("--linter", action="store_true", help="the linter is published on PyPI")


def of_release(given: argparse.Namespace) -> str:
    """Return the text for the current version, of which these artefacts were published."""
    beside = {"chart": given.chart, "manifests": given.manifests}
    named = {what: address for what, address in beside.items() if address}
    changes = version.notes(ROOT, version.current(ROOT))
    signer = Keyless(project.repository(), version.tag(ROOT))
    return notes(
        changes,
        given.image,
        signer,
        named,
        attested=not given.without_attestations,
        linter=version.current(ROOT) if given.linter else "",
    )


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.notes", description=__doc__)
    add_artefacts(parser)
    say(of_release(parser.parse_args()))


if __name__ == "__main__":
    exit_with(main)
