"""Create the database password of an environment once, as a Secret that is never in git."""

import argparse
import json
import secrets
import sys
from pathlib import Path

from tools import overlay
from tools.command import ToolError, exit_with, say
from tools.kube import Kube, connect

SECRET = "slipway-database"  # noqa: S105 - the name of the Secret, not its value
KEY = "password"


def exists(kube: Kube, namespace: str) -> bool:
    """Tell whether the environment has its Secret."""
    found = kube.run(
        "get", "secret", SECRET, "--namespace", namespace, "--ignore-not-found", "--output", "name"
    )
    return bool(found.strip())


def ensure(kube: Kube, env: str, password: str | None = None) -> None:
    """Create the namespace and the Secret unless they exist; never change an existing password.

    Without a password a random one is made. The value goes to kubectl through stdin: no list of
    processes shows it.
    """
    name = overlay.namespace(env)
    space = overlay.find(overlay.rendered(env), "Namespace", name)
    kube.run("apply", "--filename", "-", stdin=json.dumps(space))
    if exists(kube, name):
        say(f"secret {SECRET}: exists in {name}, left as it is")
        return
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": name},
        "stringData": {KEY: password or secrets.token_urlsafe(32)},
    }
    kube.run("create", "--filename", "-", stdin=json.dumps(manifest))
    say(f"secret {SECRET}: created in {name}")


def read_password(source: str) -> str:
    """Return the password in a file, or on stdin for `-`, without the final newline."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"cannot read the password from {source}: {error}") from None
    password = text.rstrip("\r\n")
    if not password:
        raise ToolError(f"the password from {source} is empty")
    return password


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.secret", description=__doc__)
    overlay.add_env_argument(parser)
    parser.add_argument(
        "--password-file",
        metavar="F",
        help="take the value from this file, or from stdin if F is -; random if not given",
    )
    arguments = parser.parse_args()
    password = read_password(arguments.password_file) if arguments.password_file else None
    ensure(connect(), arguments.env, password)


if __name__ == "__main__":
    exit_with(main)
