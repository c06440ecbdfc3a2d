"""Puts the renderer into the wheel, and names the platforms on which it runs.

RENDERER is the path of the program. Go has written into it what it was built for.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Without C, a program for Linux needs neither glibc nor musl. Go 1.26 runs on macOS 12 and newer.
PLATFORMS = {
    "linux/amd64": "manylinux_2_17_x86_64.musllinux_1_1_x86_64",
    "linux/arm64": "manylinux_2_17_aarch64.musllinux_1_1_aarch64",
    "darwin/amd64": "macosx_12_0_x86_64",
    "darwin/arm64": "macosx_12_0_arm64",
}


class Hook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the program to each wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Add it. Raises ValueError if it is not a program of Go's that runs without libraries."""
        renderer = Path(os.environ["RENDERER"]).resolve()
        told = go("version", "-m", str(renderer))
        build_data["tag"] = f"py3-none-{platform(told)}"
        build_data["pure_python"] = False
        build_data["force_include"][str(renderer)] = "gitops/bin/renderer"
        self.notices = Path(self.directory) / "NOTICES"
        self.notices.write_text(terms(told), encoding="utf-8")
        build_data["force_include"][str(self.notices)] = "gitops/bin/NOTICES"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what is in the wheel now."""
        self.notices.unlink()


def go(*argv: str) -> str:
    """Return what Go says."""
    return subprocess.run(["go", *argv], capture_output=True, text=True, check=True).stdout


def platform(told: str) -> str:
    """Return the tag of the platforms that a program runs on, by what Go says of it."""
    built = dict(re.findall(r"^\tbuild\t(\w+)=(.*)$", told, re.MULTILINE))
    if built.get("CGO_ENABLED") != "0":
        raise ValueError("the renderer may need libraries of this machine: build it without C")
    return PLATFORMS[f"{built['GOOS']}/{built['GOARCH']}"]


def terms(told: str) -> str:
    """Return the licences of the modules that are a part of a program, as most of them demand."""
    cache = Path(go("env", "GOMODCACHE").strip())
    language = Path(go("env", "GOROOT").strip()) / "LICENSE"
    texts = [f"Go: LICENSE\n\n{language.read_text('utf-8').strip()}\n"]
    for module, version in re.findall(r"^\tdep\t(\S+)\t(\S+)", told, re.MULTILINE):
        # Capitals are written so that no two modules differ by case alone.
        name = re.sub("[A-Z]", lambda found: f"!{found[0].lower()}", f"{module}@{version}")
        files = [*(cache / name).glob("LICEN[CS]E*"), *(cache / name).glob("NOTICE*")]
        texts += [
            f"{module} {version}: {file.name}\n\n{file.read_text('utf-8').strip()}\n"
            for file in sorted(files)
        ]
    return f"\n{'-' * 80}\n\n".join(texts)
