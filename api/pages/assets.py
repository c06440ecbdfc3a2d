"""The style sheet and the script: their URLs change with their content, so they stay cached."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from pathlib import Path

from apiflask import abort
from flask import Response, url_for

from api.pages.blueprint import bp

FOLDER = Path(__file__).parent / "static"
TYPES = {"pages.css": "text/css", "pages.js": "text/javascript", "icon.svg": "image/svg+xml"}
CONTENTS = {name: (FOLDER / name).read_bytes() for name in TYPES}
FINGERPRINTS = {
    name: hashlib.sha256(content).hexdigest()[:16] for name, content in CONTENTS.items()
}
FOR_EVER = "public, max-age=31536000, immutable"


@bp.get("/assets/<fingerprint>/<filename>")
def serve_asset(fingerprint: str, filename: str) -> Response:
    """Return an asset. During a rollout, a page of another version may ask for its own."""
    if filename not in TYPES:
        abort(HTTPStatus.NOT_FOUND)
    response = Response(CONTENTS[filename], mimetype=TYPES[filename])
    if fingerprint == FINGERPRINTS[filename]:
        response.headers["Cache-Control"] = FOR_EVER
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@bp.app_template_global("asset")
def asset(name: str) -> str:
    """Return the URL of an asset."""
    return url_for("pages.serve_asset", fingerprint=FINGERPRINTS[name], filename=name)
