"""URLs of pages that one page links hundreds of times: `url_for` is asked once for all of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import g, url_for

from api.pages.blueprint import bp

ANY = UUID(int=0)


@bp.app_template_global("deployment_url")
def deployment_url(deployment_id: UUID | str) -> str:
    """Return the URL of a deployment's page, or what precedes its id if that is empty."""
    return f"{_before('pages.show_deployment', 'deployment_id')}{deployment_id}"


@bp.app_template_global("service_url")
def service_url(name: str) -> str:
    """Return the URL of a service's page, or what precedes its name if that is empty."""
    return f"{_before('pages.show_service', 'name')}{name}"


def _before(endpoint: str, argument: str) -> str:
    """Return what precedes the only argument of an endpoint in its URL."""
    known: dict[str, str] = g.setdefault("page_urls", {})
    if endpoint not in known:
        given: dict[str, Any] = {argument: ANY}
        known[endpoint] = url_for(endpoint, **given).removesuffix(str(ANY))
    return known[endpoint]
