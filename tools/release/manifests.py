"""Write the rendered overlays with a release's image as one archive for the controllers.

It has a folder an environment. In a registry it is the one layer of an artefact, which Argo CD and
Flux each take as a source of manifests. The same manifests make the same bytes.
"""

import argparse
import gzip
import io
import tarfile
from pathlib import Path

from gitops.images import pinned
from tools import overlay
from tools.cluster import deploy
from tools.command import ROOT, exit_with, say


def rendered(image: str) -> dict[str, str]:
    """Return the manifests of each environment by their path in the archive.

    Raises ToolError for an image without tag or digest.
    """
    name, tag, digest = pinned(image)
    fields = {"newName": name, "newTag": tag, "digest": digest}
    return {
        f"{env}/manifests.yaml": deploy.render(ROOT / overlay.OVERLAYS / env, fields, [])
        for env in overlay.environments()
    }


def archive(texts: dict[str, str]) -> bytes:
    """Return a reproducible archive of files: without times and owners."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path, text in sorted(texts.items()):
            content = text.encode()
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.release.manifests", description=__doc__)
    parser.add_argument("--image", metavar="NAME:TAG@sha256:…", required=True)
    parser.add_argument("--into", metavar="FILE", type=Path, required=True)
    given = parser.parse_args()
    texts = rendered(given.image)
    given.into.parent.mkdir(parents=True, exist_ok=True)
    given.into.write_bytes(archive(texts))
    say(f"wrote {', '.join(texts)} to {given.into}")


if __name__ == "__main__":
    exit_with(main)
