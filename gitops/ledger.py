"""The release ledger, which records what was deployed where, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitops import programs
from gitops.errors import GitopsError

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 20
TOKEN = "LEDGER_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = "LEDGER_TOKEN_FILE"  # noqa: S105 - the name of a variable

option: Callable[..., Any] = click.option(
    "--ledger",
    "url",
    envvar="LEDGER_URL",
    metavar="URL",
    help=f"The release ledger (or LEDGER_URL); its token is in {TOKEN} or {TOKEN_FILE}.",
)


class Ledger:
    """A client for the ledger at a URL, with a token."""

    def __init__(self, url: str, token: str = "") -> None:
        if not url.startswith(("http://", "https://")):
            raise GitopsError(f"--ledger {url}: a URL begins with http:// or https://")
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = library()
        self._client = self._http.Client(
            base_url=f"{self.url}/api/v1/", headers=headers, timeout=TIMEOUT_S
        )

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Return a document. Raises GitopsError, with the ledger's reason, on an error."""
        return self._ask("GET", path, params=query)[0]

    def put(self, path: str, document: object) -> dict[str, Any]:
        """Store a document and return the answer. Raises GitopsError as `get` does."""
        return self._ask("PUT", path, json=document)[0]

    def items(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page by page."""
        page, following = self._ask("GET", path, params=query)
        yield from page["items"]
        while following:
            page, following = self._ask("GET", following)
            yield from page["items"]

    def _ask(self, method: str, path: str, **options: Any) -> tuple[dict[str, Any], str]:
        try:
            response = self._client.request(method, path, **options)
        except self._http.HTTPError as error:
            text = str(error) or type(error).__name__
            raise GitopsError(f"the ledger at {self.url} does not answer: {text}") from None
        if response.is_error:
            raise GitopsError(f"the ledger at {self.url} refused the request: {reason(response)}")
        try:
            found = response.json()
        except ValueError:
            raise GitopsError(f"{self.url} is not a ledger: its answer is not JSON") from None
        return found, response.links.get("next", {}).get("url", "")


def library() -> Any:
    """Return the HTTP client, which most commands do without. Raises GitopsError without one."""
    try:
        return import_module("httpx")
    except ModuleNotFoundError:
        needed = f"pip install '{programs.PACKAGE}[ledger]'"
        raise GitopsError(f"to ask a ledger, httpx is needed: {needed}") from None


def connect(url: str) -> Ledger:
    """Return the ledger at a URL. Raises GitopsError if the token's file cannot be read."""
    token, file = os.environ.get(TOKEN, ""), os.environ.get(TOKEN_FILE)
    if not token and file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise GitopsError(f"{TOKEN_FILE}={file}: {error.strerror}") from None
    return Ledger(url, token)


def reason(response: httpx.Response) -> str:
    """Return the reason of an error: the detail of a problem document, or the status."""
    try:
        problem = response.json()
        faults = [f"{fault.get('detail')}" for fault in problem.get("errors", [])]
        text = "; ".join([str(problem["detail"]), *faults])
    except (ValueError, KeyError, AttributeError):
        text = f"{response.status_code} {response.reason_phrase}"
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        return f"{text} ({TOKEN} or {TOKEN_FILE} sets the token that is sent)"
    return text
