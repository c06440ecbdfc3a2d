"""Trivy's reports of the overlays: their manifests, and the images that they pin.

`make scan` asks for more of the manifests, and excuses only what k8s/exceptions.yaml names.
"""

import argparse
import re
from collections.abc import Iterable

from tools import overlay
from tools.command import exit_with, say
from tools.scan import trivy

RELEASED = re.compile(r"image: (\S+@sha256:(?!0{64})\S+)")  # a digest of zeros has no release yet


def manifests() -> None:
    """Report the misconfigurations of the rendered overlays."""
    folder = trivy.BUILD / "overlays"
    overlay.write(folder)
    trivy.report("overlays", "config", "--skip-check-update", folder)


def images() -> None:
    """Report the vulnerabilities with a fix of each image that an overlay pins by digest."""
    trivy.BUILD.mkdir(exist_ok=True)
    names = pinned(overlay.render(overlay.OVERLAYS / env) for env in overlay.environments())
    if not names:
        say("no overlay pins a release yet")
    for name in names:
        say(name)
        trivy.report("released", *trivy.VULNERABLE, name)


def pinned(rendered: Iterable[str]) -> list[str]:
    """Return the images that rendered overlays pin by the digest of a release."""
    return sorted({name for text in rendered for name in RELEASED.findall(text)})


REPORTS = {report.__name__: report for report in (manifests, images)}


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.scan.overlays", description=__doc__)
    parser.add_argument("of", choices=REPORTS)
    REPORTS[parser.parse_args().of]()


if __name__ == "__main__":
    exit_with(main)
