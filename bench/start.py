"""Time the start of images until they are ready, with one core, in alternating rounds.

Each image serves an embedded ledger that is already migrated, from a read-only root file system as
in a pod. This needs Docker on this machine and two images to compare, the earlier one first:

    make image IMAGE_TAG=before && git stash pop && make image IMAGE_TAG=after
    python -m bench.start localhost:5050/slipway/slipway:before localhost:5050/slipway/slipway:after
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from socket import socket

PATIENCE = 60.0  # seconds
DATA = "/tmp/slipway"  # noqa: S108 (in the container)


@dataclass(frozen=True)
class Start:
    """One start: seconds until /readyz answers 200, and seconds of CPU until then."""

    ready: float
    cpu: float


def docker(*arguments: str) -> str:
    """Run docker and return what it prints."""
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def free_port() -> int:
    """Return a port that is free at the moment."""
    with closing(socket()) as attempt:
        attempt.bind(("127.0.0.1", 0))
        port: int = attempt.getsockname()[1]
        return port


def is_ready(port: int) -> bool:
    """Return whether the API on a port is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except OSError:  # not listening yet, or not ready
        return False


def cpu_seconds(container: str) -> float:
    """Return the CPU seconds that a container has used, from its control group."""
    said = docker("exec", container, "sh", "-c", CPU)
    return int(said) / 1e6


# From control groups version 2, in microseconds, or version 1, in nanoseconds.
CPU = (
    "sed -n 's/^usage_usec //p' /sys/fs/cgroup/cpu.stat 2>/dev/null | grep . "
    "|| echo $(($(cat /sys/fs/cgroup/cpu*/cpuacct.usage | head -n 1) / 1000))"
)


def start(image: str, volume: str) -> Start:
    """Start a container of an image on one core, time it, and remove it when it is ready."""
    port = free_port()
    container = docker(
        *("create", "--cpus", "1", "--read-only", "--network", "host"),
        *("--tmpfs", "/tmp", "--volume", f"{volume}:{DATA}", "--env"),  # noqa: S108
        *(f"GUNICORN_CMD_ARGS=--bind 127.0.0.1:{port}", image),
    )
    try:
        began = time.monotonic()
        docker("start", container)
        while not is_ready(port):
            if time.monotonic() - began > PATIENCE:
                raise SystemExit(f"{image} is not ready after {PATIENCE:g} s")
            time.sleep(0.01)
        return Start(time.monotonic() - began, cpu_seconds(container))
    finally:
        docker("rm", "--force", container)


def migrated(image: str) -> str:
    """Return a new volume with an empty ledger, migrated by the image."""
    volume = docker("volume", "create")
    mounted = ("--volume", f"{volume}:{DATA}")
    docker("run", "--rm", "--user", "0", *mounted, image, "chown", "10001:10001", DATA)
    docker("run", "--rm", "--network", "host", *mounted, image, "flask", "ledger", "migrate")
    return volume


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("images", metavar="IMAGE", nargs="+")
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    given = parser.parse_args()
    volumes = {image: migrated(image) for image in given.images}
    starts: dict[str, list[Start]] = {image: [] for image in given.images}
    try:
        for _ in range(given.rounds):
            for image in given.images:
                starts[image].append(start(image, volumes[image]))
    finally:
        docker("volume", "rm", "--force", *volumes.values())
    print(
        "| image | ready after, s | slowest, s | CPU, s | MB |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for image, its in starts.items():
        ready = [each.ready for each in its]
        cpu = statistics.median(each.cpu for each in its)
        size = int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6
        median = statistics.median(ready)
        print(f"| `{image}` | {median:.2f} | {max(ready):.2f} | {cpu:.2f} | {size:.1f} |")


if __name__ == "__main__":
    main()
