"""A port-forward that lasts as long as a with-block."""

import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tools.cluster.kube import MISSING, Kube
from tools.command import ToolError

FORWARDING = re.compile(r"^Forwarding from 127\.0\.0\.1:(\d+) -> \d+$")


def local_port(line: str) -> int | None:
    """Return the port in the line in which kubectl says that it forwards, else None."""
    match = FORWARDING.match(line.strip())
    return int(match[1]) if match else None


@contextmanager
def port_forward(
    kube: Kube, namespace: str, target: str, port: str, timeout: float = 20
) -> Iterator[str]:
    """Forward a free port of 127.0.0.1 to a target's port, and provide its base URL.

    kubectl chooses the port and is listening when it says so: there is no race and no sleep.
    Raises ToolError when kubectl ends early, with its output, or prints nothing for `timeout`
    seconds.
    """
    argv = kube.argv(
        "--namespace", namespace, "port-forward", "--address", "127.0.0.1", target, f":{port}"
    )
    try:
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except FileNotFoundError:
        raise ToolError(f"kubectl is not installed: {MISSING}") from None
    with process:
        lines: queue.Queue[str | None] = queue.Queue()
        # The reader goes on to the end: a pipe that nobody empties would stop kubectl.
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{_first_port(lines, target, timeout)}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


def _read(stream: IO[str] | None, lines: "queue.Queue[str | None]") -> None:
    for line in stream or ():
        lines.put(line)
    lines.put(None)


def _first_port(lines: "queue.Queue[str | None]", target: str, timeout: float) -> int:
    output = ""
    while True:
        try:
            line = lines.get(timeout=timeout)
        except queue.Empty:
            raise ToolError(f"port-forward to {target}: no output for {timeout:g} s") from None
        if line is None:
            raise ToolError(f"port-forward to {target}: {output.strip() or 'exited immediately'}")
        if (port := local_port(line)) is not None:
            return port
        output += line
