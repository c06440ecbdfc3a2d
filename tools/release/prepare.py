"""Set the version everywhere and give it the changelog's unreleased section.

The overlays are not touched: none may name an image before it exists. The release pipeline pins the
one it has published, with its digest, in dev.
"""

import argparse
from datetime import UTC, date, datetime
from pathlib import Path

from gitops.revision import Clone
from tools.command import ROOT, ToolError, exit_with, say
from tools.release import version


def prepare(root: Path, new: str, day: date) -> list[str]:
    """Write a version into the repository; return the files that changed.

    Raises ToolError if it is not a version, is tagged, or is older than one that is, if the clone
    has changes, and if there is nothing to release.
    """
    wanted = version.order(new)
    clone = Clone(root)
    clone.demand_history("which versions are tagged")
    tags = clone.git("tag", "--list", "v*").splitlines()
    if f"v{new}" in tags:
        raise ToolError(f"the tag v{new} exists: a version is released once")
    past = [tag[1:] for tag in tags if version.VERSION.fullmatch(tag[1:])]
    if past and wanted < version.order(newest := max(past, key=version.order)):
        raise ToolError(f"{new} is older than {newest}, which is released")
    if wanted < version.order(now := version.current(root)):
        raise ToolError(f"{new} is older than {now}, the version in pyproject.toml")
    clone.demand_clean()
    changelog = root / version.CHANGELOG
    old = changelog.read_text(encoding="utf-8")
    texts = version.replaced(root, new) | {changelog: version.released(old, new, day)}
    changed = {file: text for file, text in texts.items() if text != file.read_text("utf-8")}
    for file, text in changed.items():
        file.write_text(text, encoding="utf-8")
    return [str(file.relative_to(root)) for file in changed]


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.prepare", description=__doc__)
    parser.add_argument("--version", metavar="X.Y.Z", required=True, help="newer than any tag")
    new = parser.parse_args().version
    for file in prepare(ROOT, new, datetime.now(UTC).date()):
        say(f"{file}: {new}")
    say("look at `git diff`, commit, and merge it; then, on that commit of main:")
    say(f"    git tag --sign --message 'Release {new}.' v{new} && git push origin v{new}")


if __name__ == "__main__":
    exit_with(main)
