"""A make-believe GitHub, with the releases of a few repositories and what is attached to them."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PUBLISHED = "2026-01-01T00:00:00Z"


@dataclass
class GitHub:
    """Releases by repository and tag, each with its attachments by name."""

    releases: dict[str, dict[str, dict[str, bytes]]]
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def digest(self, repository: str, tag: str, name: str) -> str:
        """Return the SHA-256 of an attachment."""
        return hashlib.sha256(self.releases[repository][tag][name]).hexdigest()

    def listed(self, repository: str) -> dict[str, Any]:
        """Return the releases of a repository as GraphQL does."""
        tags = self.releases.get(repository, {})
        nodes = [
            {
                "version": tag,
                "releaseTimestamp": PUBLISHED,
                "isDraft": False,
                "isPrerelease": False,
                "url": f"{self.address}/{repository}/releases/tag/{tag}",
                "id": number,
                "name": tag,
                "description": "",
            }
            for number, tag in enumerate(tags)
        ]
        payload = {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}
        return {"data": {"repository": {"isRepoPrivate": False, "payload": payload}}}

    def release(self, repository: str, tag: str) -> dict[str, Any] | None:
        """Return one release as REST does, if there is one of the tag."""
        assets = self.releases.get(repository, {}).get(tag)
        if assets is None:
            return None
        download = f"{self.address}/{repository}/releases/download/{tag}"
        return {
            "html_url": f"{self.address}/{repository}/releases/tag/{tag}",
            "tag_name": tag,
            "assets": [
                {
                    "name": name,
                    "size": len(content),
                    "url": f"{download}/{name}",
                    "browser_download_url": f"{download}/{name}",
                }
                for name, content in assets.items()
            ],
        }


class Handler(BaseHTTPRequestHandler):
    """One request to GitHub."""

    github: GitHub

    def do_POST(self) -> None:
        """Answer a question in GraphQL: here it is always for releases."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["variables"]
        self.send(self.github.listed(f"{asked['owner']}/{asked['name']}"))

    def do_GET(self) -> None:
        """Answer with a release, or an attachment of one."""
        self.github.asked.append(self.path)
        match self.path.removeprefix("/").split("/"):
            case ["api", "v3", "repos", owner, name, "releases", "tags", tag]:
                self.send(self.github.release(f"{owner}/{name}", tag))
            case [owner, name, "releases", "download", tag, file]:
                self.send(self.github.releases[f"{owner}/{name}"][tag][file])
            case _:
                self.send(None)

    def send(self, content: dict[str, Any] | bytes | None) -> None:
        """Send JSON, or bytes as they are, or that there is nothing."""
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(HTTPStatus.NOT_FOUND if content is None else HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def served(github: GitHub) -> Iterator[None]:
    """Serve it on this machine, at the address that it then has."""
    handler = type("Bound", (Handler,), {"github": github})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        github.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
