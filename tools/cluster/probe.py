"""Check that a deployed environment is ready: through a port-forward, then through the ingress."""

import argparse
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from tools import overlay
from tools.cluster.kube import Kube, connect
from tools.cluster.portforward import port_forward
from tools.command import ToolError, exit_with, say

READY = "/readyz"
INGRESS = "http://127.0.0.1:8081"
# What is asked is on this machine: a proxy in the environment is not meant for it.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    body: str


def get(url: str, host: str | None = None, timeout: float = 5) -> Answer:
    """Send a GET request. Raises ToolError if there is no answer."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with OPENER.open(request, timeout=timeout) as response:
            return Answer(response.status, response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode(errors="replace"))
    except OSError as error:
        raise ToolError(f"{url}: {getattr(error, 'reason', None) or error}") from None


def until_ok(attempt: Callable[[], Answer], where: str, seconds: float) -> Answer:
    """Repeat an attempt until it returns 200. Raises ToolError with the last answer in the end."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = attempt()
            if answer.status == 200:  # noqa: PLR2004 - HTTP's own number
                return answer
            reason = f"{answer.status} {answer.body.strip()[:500]}"
        except ToolError as error:
            reason = str(error)
        if time.monotonic() >= deadline:
            raise ToolError(f"{where} is not ready after {seconds:g} s: {reason}")
        time.sleep(0.5)


def probe(kube: Kube, env: str, ingress_url: str, seconds: float) -> None:
    """Print the answer of /readyz on both ways. Raises ToolError for the first not ready."""
    among = overlay.rendered(env)
    namespace = overlay.find(among, "Deployment")["metadata"]["namespace"]
    host = overlay.host(among)

    def forwarded() -> Answer:
        # A new port-forward forevery attempt: one sticks to its pod even when that is replaced.
        with port_forward(kube, namespace, f"service/{overlay.NAME}", "http") as url:
            return get(url + READY)

    answer = until_ok(forwarded, f"{READY} through a port-forward to {namespace}", seconds)
    say(f"{READY} through a port-forward to {namespace}: {answer.status} {answer.body.strip()}")
    url = ingress_url.rstrip("/") + READY
    answer = until_ok(lambda: get(url, host), f"{url} with Host: {host}", seconds)
    say(f"{READY} through the ingress at {ingress_url}, Host: {host}: {answer.status}")


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.cluster.probe", description=__doc__)
    overlay.add_env_argument(parser)
    parser.add_argument(
        "--ingress-url",
        metavar="URL",
        default=os.environ.get("INGRESS_URL") or INGRESS,
        help=f"default: $INGRESS_URL or {INGRESS}",
    )
    parser.add_argument("--timeout", metavar="S", type=float, default=60, help="default: 60 each")
    given = parser.parse_args()
    probe(connect(), given.env, given.ingress_url, given.timeout)


if __name__ == "__main__":
    exit_with(main)
