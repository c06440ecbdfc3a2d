"""`/environments/{name}`: what came there, as release notes, and how it differs, or differed."""

from __future__ import annotations

from typing import Annotated

from flask import render_template
from pydantic import Field

from api.database import database
from api.domain import stages
from api.domain.kit import pages
from api.domain.kit.times import this_minute
from api.domain.promotions.arrivals import ORDER, arrivals
from api.domain.promotions.differences import changes_over_time, differences
from api.http import auth
from api.http.problems import InvalidParameterError, found_or_404
from api.pages import paging
from api.pages.blueprint import bp
from api.pages.forms import Form, FormTime, choosable
from api.pages.notes import markdown
from api.pages.paging import Cursor
from api.pages.words import AGO, clock

# The releases of a page, and the services of which it shows how they differ.
RELEASES = 20
SERVICES = 100


class EnvironmentForm(Form):
    """The environment or the instants to compare, and the page of the releases."""

    against: Annotated[str | None, Field(max_length=63)] = None
    since: FormTime | None = None
    until: FormTime | None = None
    cursor: Cursor = None


@bp.get("/environments/<name>")
@auth.page
@bp.input(EnvironmentForm, location="query", arg_name="query")
def show_environment(name: str, query: EnvironmentForm) -> str:
    """Return the releases that came to an environment, newest first, with their changes."""
    after = paging.position(query.cursor)
    with database().read() as connection:
        known = {row["name"]: row for row in stages.by_promotion_order(connection)}
        environment = found_or_404(known.get(name), "environment", name)
        others = [other for other in known if other != name]
        if query.against not in (None, *others):
            raise InvalidParameterError("against", "is not the name of another environment")
        if query.until and (query.since is None or query.until <= query.since):
            raise InvalidParameterError("until", "must be after since")
        found = arrivals(connection, name, RELEASES + 1, after)
        other = query.against and differences(connection, name, query.against, SERVICES)
        changed = query.since and changes_over_time(
            connection, name, query.since, query.until, SERVICES
        )
    items, older = paging.cut(found, RELEASES, lambda row: pages.position(row, ORDER))
    return render_template(
        "environment.html",
        environment=environment,
        arrivals=items,
        markdown=markdown(name, items),
        older=older,
        others=choosable(others),
        query=query,
        differences=other,
        changed=changed,
        ago={words: clock(this_minute() - span) for words, span in AGO.items()},
        is_first=query.cursor is None,
    )
