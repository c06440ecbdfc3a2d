"""The blueprint of all pages; they are not part of the OpenAPI description."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import request

from api.http import sessions
from api.http.auth import SAFE_METHODS

bp = APIBlueprint("pages", __name__, template_folder="templates", enable_openapi=False)


@bp.before_request
def _check_form() -> None:
    """Refuse every form that did not come from a page of the session; it is authorized by now."""
    if request.method not in SAFE_METHODS:
        sessions.check_csrf()
