"""`/admin/rules`: how events become records, and what would become of one that is pasted."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from apiflask import abort
from flask import current_app, render_template
from pydantic import Field, ValidationError

from api.database import database
from api.domain import catalog, stages
from api.domain.events import cloudevents, inbox
from api.domain.events.adapter import Adapter
from api.domain.events.adapters import ADAPTERS
from api.domain.events.adapters.cdevents import CLOUDEVENTS
from api.domain.events.cloudevents import BATCH, BINARY_MARK, STRUCTURED, HeaderError
from api.domain.events.interpret import Meaning, interpret
from api.domain.events.rules import SourceRules
from api.domain.kit.models import Incoming
from api.domain.tokens import ADMIN
from api.http import auth
from api.http.problems import InvalidBodyError, faults
from api.http.strict import parsed
from api.pages.blueprint import bp
from api.pages.forms import sent


class PastedEvent(Incoming):
    """An event as its sender sends it: one header a line, and the body."""

    source: str
    headers: Annotated[str, Field(max_length=20_000)] = ""
    body: str


@bp.get("/admin/rules")
@auth.page
@auth.require(ADMIN)
def show_rules() -> str:
    """Return the rules of each source, and the form that tries them."""
    return _page()


@bp.post("/admin/rules/dry-run")
@auth.page
@auth.require(ADMIN)
def try_rules() -> str:
    """Show what the rules make of a pasted event; nothing is written."""
    pasted = sent(PastedEvent)
    if pasted.source not in ADAPTERS:
        raise InvalidBodyError("/source", f"must be one of {', '.join(ADAPTERS)}")
    adapter = ADAPTERS[pasted.source]
    headers = _headers(pasted.headers)
    events = _events(adapter, headers, parsed(pasted.body))
    read = [inbox.received(adapter, headers, event, pasted.body.encode()) for event in events]
    return _page(pasted, [interpret(adapter, _rules(), event) for event in read])


def _page(pasted: PastedEvent | None = None, meanings: list[Meaning] | None = None) -> str:
    known: dict[str, set[str]] = {}
    if meanings:  # which names would be new
        with database().read() as connection:
            known["services"] = set(catalog.by_name(connection))
            known["environments"] = {row["name"] for row in stages.by_promotion_order(connection)}
    return render_template(
        "admin/rules.html",
        rules=_rules(),
        adapters=ADAPTERS,
        file=current_app.extensions["settings"].EVENT_RULES_FILE,
        pasted=pasted,
        meanings=meanings,
        known=known,
    )


def _rules() -> Mapping[str, SourceRules]:
    rules: Mapping[str, SourceRules] = current_app.extensions["event_rules"]
    return rules


def _headers(text: str) -> dict[str, str]:
    """Return the headers in lines such as `X-GitHub-Event: deployment_status`."""
    named: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise InvalidBodyError("/headers", f"has no name and colon in the line {line[:80]!r}")
        named[name.strip()] = value.strip()
    return named


def _events(adapter: Adapter, headers: Mapping[str, str], body: Any) -> list[dict[str, Any]]:
    """Return the events in a body, as the API reads them: several in a batch of CloudEvents."""
    if adapter is CLOUDEVENTS:
        return _cloud_events(headers, body)
    if not isinstance(body, dict):
        raise InvalidBodyError("/body", "must be a JSON object")
    return [body]


def _cloud_events(headers: Mapping[str, str], body: Any) -> list[dict[str, Any]]:
    binary = BINARY_MARK in {name.lower() for name in headers}
    media_type = BATCH if isinstance(body, list) else "" if binary else STRUCTURED
    try:
        return cloudevents.read(media_type, headers, body)
    except HeaderError as error:
        raise InvalidBodyError("/headers", str(error)) from error
    except ValidationError as error:
        abort(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            extra_data={"errors": faults(error, in_body=True)},
        )
