"""A ledger on PostgreSQL that is served, and a browser that looks at it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from werkzeug.serving import make_server

from tests import postgresql
from tests.api.conftest import NewApp, new_app  # noqa: F401 (a fixture)

Open = Callable[..., Page]


@pytest.fixture
def ledger(new_app: NewApp, postgresql_lender: postgresql.Lender) -> Iterator[APIFlask]:  # noqa: F811
    """Return an application that everybody may read, on an empty database."""
    with postgresql_lender.lend() as place:
        yield new_app(**place, PUBLIC_READ=True)


@pytest.fixture
def client(ledger: APIFlask) -> FlaskClient:
    """Return an admin's client, for what senders report."""
    return ledger.test_client()


@pytest.fixture
def address(ledger: APIFlask) -> Iterator[str]:
    """Serve the ledger; return its address."""
    server = make_server("127.0.0.1", 0, ledger, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the browser of this machine."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("no Chromium on this machine: apt-get install chromium")
    # Root has no sandbox of Chromium's.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def look(browser: Browser, address: str) -> Iterator[Open]:
    """Return a function that opens a page; any error or foreign request fails the test."""
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(message.text)

    def open_page(path: str, **options: Any) -> Page:
        contexts.append(browser.new_context(base_url=address, **options))
        page = contexts[-1].new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.extend(foreign(request.url)))
        page.goto(path)
        return page

    def foreign(url: str) -> list[str]:
        return [] if url.startswith((address, "data:")) else [f"a request to {url}"]

    open_page.faults = faults  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script that looks for what keeps people out of a page."""
    return (Path(os.environ["AXE"]) / "axe.min.js").read_text()
