"""Pictures of the pages, with the demo history of a certain day: `make screenshots`.

The clock stands still, so that a picture differs from the one before only if the page does.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from api import demo
from api.app import create_app
from api.domain.kit import times

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"
NOW = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)
SCHEMES = ("light", "dark")
WIDTHS = (375, 768, 1440)
# Of the pictures in the documents.
WIDTH, HEIGHT, QUALITY = 1200, 860, 80
SHOWN = {"matrix": "/", "service": "/services/checkout", "insights": "/insights"}


class Quiet(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log_request(self, *_: object) -> None:
        """Log nothing."""


def stop_clock(instant: datetime) -> None:
    """Let it be this instant for the whole service."""
    running = times.now
    for module in list(sys.modules.values()):
        if getattr(module, "now", None) is running:
            module.now = lambda: instant  # type: ignore[attr-defined]


@contextmanager
def served() -> Iterator[tuple[str, FlaskClient]]:
    """Serve the demo history to everybody; give the address and a client of it."""
    stop_clock(NOW)
    with TemporaryDirectory() as folder:
        app = create_app({"DATA_DIR": folder, "PUBLIC_READ": True, "LOG_LEVEL": "error"})
        with app.extensions["database"].write() as connection:
            demo.record(connection, demo.history(NOW))
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.port}", app.test_client()
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            app.extensions["database_probe"].close()
            app.extensions["database"].close()


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser of this machine."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    # Root has no sandbox of Chromium's.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=arguments)
        yield found
        found.close()


def every_page(client: FlaskClient) -> dict[str, str]:
    """Return the path of each kind of page, by a name for its picture."""
    failed = client.get("/api/v1/deployments?status=failed&environment=prod").json["items"][0]  # type: ignore[index]
    incident = client.get("/api/v1/incidents?open=true").json["items"][0]  # type: ignore[index]
    return {
        **SHOWN,
        "changed": "/?since=2026-11-25T15:30&environment=prod",
        "environment": "/environments/prod?against=staging",
        "deployment": f"/deployments/{failed['id']}",
        "incidents": "/incidents",
        "incident": f"/incidents/{incident['id']}",
        "api": "/docs",
        "operation": "/docs/recordDeployment",
        "error": "/nothing",
    }


def picture(page: Page, path: Path) -> None:
    """Write what the page shows as WebP, which Playwright itself does not write."""
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    path.write_bytes(base64.b64decode(taken["data"]))


def main() -> None:
    """Write the pictures of the documents, or look at every page in every width."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--every-page", type=Path, metavar="FOLDER", help="whole pages, as PNG")
    given = parser.parse_args()
    folder: Path = given.every_page or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with served() as (address, client), browser() as chromium:
        for scheme in SCHEMES:
            context = chromium.new_context(base_url=address, color_scheme=scheme)
            page = context.new_page()
            if not given.every_page:
                page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
                for name, path in SHOWN.items():
                    page.goto(path)
                    picture(page, folder / f"{name}-{scheme}.webp")
                continue
            for (name, path), width in product(every_page(client).items(), WIDTHS):
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(path)
                page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)


if __name__ == "__main__":
    main()
