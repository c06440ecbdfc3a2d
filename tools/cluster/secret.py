"""Create the Secrets of an environment once: its database password and its admin token.

They are Secrets that are never in git.
"""

import argparse
import base64
import json
import secrets
import sys
from pathlib import Path

from tools import overlay
from tools.cluster.kube import Kube, connect
from tools.command import ToolError, exit_with, say

SECRET = "slipway-database"  # noqa: S105 - the name of the Secret, not its value
KEY = "password"
USER_KEY = "username"  # for who makes the user: the component postgres-ha
ADMIN = "slipway-admin"
ADMIN_KEY = "token"


def exists(kube: Kube, namespace: str, name: str = SECRET) -> bool:
    """Return whether the environment has a Secret."""
    found = kube.run(
        "get", "secret", name, "--namespace", namespace, "--ignore-not-found", "--output", "name"
    )
    return bool(found.strip())


def ensure(kube: Kube, env: str, password: str | None = None) -> None:
    """Create the namespace and the Secrets unless they exist; never change an existing one.

    Without a password a random one is made, as the admin token is.
    """
    namespace = overlay.namespace(env)
    space = overlay.find(overlay.rendered(env), "Namespace", namespace)
    kube.run("apply", "--filename", "-", stdin=json.dumps(space))
    user = overlay.find(overlay.rendered(env), "ConfigMap")["data"]["SLIPWAY_DATABASE_USER"]
    both = {USER_KEY: user, KEY: password or secrets.token_urlsafe(32)}
    create(kube, namespace, SECRET, both)
    create(kube, namespace, ADMIN, {ADMIN_KEY: secrets.token_urlsafe(32)})
    say(f"the admin token: {how_to_read(namespace)}")


def create(kube: Kube, namespace: str, name: str, data: dict[str, str]) -> None:
    """Create a Secret unless it exists.

    The values go to kubectl through stdin: no list of processes shows them.
    """
    if exists(kube, namespace, name):
        say(f"secret {name}: already exists in {namespace}, not changed")
        return
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": data,
    }
    kube.run("create", "--filename", "-", stdin=json.dumps(manifest))
    say(f"secret {name}: created in {namespace}")


def how_to_read(namespace: str) -> str:
    """Return the command that prints an environment's admin token."""
    template = f"'{{{{.data.{ADMIN_KEY} | base64decode}}}}'"
    return f"kubectl --namespace {namespace} get secret {ADMIN} --output go-template={template}"


def admin_token(kube: Kube, namespace: str) -> str:
    """Return the admin token of an environment."""
    found = kube.get("secret", ADMIN, "--namespace", namespace)["data"][ADMIN_KEY]
    return base64.b64decode(found).decode().strip()


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
    parser = argparse.ArgumentParser(prog="python -m tools.cluster.secret", description=__doc__)
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
