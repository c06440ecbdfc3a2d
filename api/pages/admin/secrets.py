"""Secrets that are shown when they are made, and never again."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, render_template


def shown_once(kind: str, name: str, secret: str, back: str) -> Response:
    """Return the page with the secret of something new, which leads back to the list of these."""
    page = render_template("admin/secret.html", kind=kind, name=name, secret=secret, back=back)
    response = Response(page, HTTPStatus.CREATED, mimetype="text/html")
    response.headers["Cache-Control"] = "no-store"
    return response
