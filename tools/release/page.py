"""Publish the page of a release on GitHub, with its files, or complete an existing one."""

import argparse
import json
from pathlib import Path

from tools.command import ROOT, exit_with, say
from tools.github.gh import gh
from tools.release import notes


def is_there(root: Path, tag: str) -> bool:
    """Return whether a tag has a page, or a draft that a failed run has left."""
    listed = gh(
        "release", "list", "--limit", "1000", "--json", "tagName", "--jq", ".[].tagName", cwd=root
    )
    return tag in listed.split()


def lacking(root: Path, tag: str, files: list[Path]) -> list[Path]:
    """Return the files to upload: those of a published page stay, as it may be immutable."""
    page = json.loads(gh("release", "view", tag, "--json", "isDraft,assets", cwd=root))
    names = {asset["name"] for asset in page["assets"]}
    return files if page["isDraft"] else [file for file in files if file.name not in names]


def publish(root: Path, tag: str, text: str, files: list[Path]) -> None:
    """Create the page of a tag, or update the existing one."""
    text_options = ("--title", tag, "--notes-file", "-")
    kind = ("--prerelease",) if "-" in tag else ()
    if is_there(root, tag):
        if missing := lacking(root, tag, files):
            gh("release", "upload", tag, "--clobber", *map(str, missing), cwd=root)
        gh("release", "edit", tag, "--draft=false", *kind, *text_options, stdin=text, cwd=root)
        say(f"{tag}: the existing page is complete")
    else:
        named = (tag, "--verify-tag", *kind, *text_options, *map(str, files))
        say(gh("release", "create", *named, stdin=text, cwd=root).strip())


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.page", description=__doc__)
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="to offer on the page")
    parser.add_argument("--tag", required=True)
    notes.add_artefacts(parser)
    given = parser.parse_args()
    publish(ROOT, given.tag, notes.of_release(given), given.files)


if __name__ == "__main__":
    exit_with(main)
