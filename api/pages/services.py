"""`/services/{name}`: what became of each version in each environment, and the figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import render_template
from sqlalchemy import Connection

from api.database import database
from api.domain import catalog, matrix
from api.domain.deployments import store
from api.domain.deployments.history import history
from api.domain.dora import report
from api.domain.dora.query import Query
from api.domain.kit.times import this_minute
from api.http import auth
from api.http.problems import found_or_404
from api.pages.blueprint import bp
from api.pages.forms import ByName

# The newest deployments of a service that its page shows.
DEPLOYMENTS = 300
FIGURES_SPAN = timedelta(days=30)


@bp.get("/services/<name>")
@auth.page
@bp.input(ByName, location="path", arg_name="name")
def show_service(name: ByName) -> str:
    """Return the history of a service and its metrics of the last 30 days."""
    with database().read() as connection:
        known = catalog.find_service(connection, name.name)
        service = found_or_404(known, "service", name.name)
        environments = [row["name"] for row in catalog.by_promotion_order(connection)]
        running = matrix.running(connection, environments, name.name)
        rows = _deployments(connection, name.name, running)
        since = this_minute() - FIGURES_SPAN
        metrics = report.measure(
            connection, Query.model_validate({"service": name.name, "from": since})
        )
    used = {row["environment"] for row in rows}
    columns = [environment for environment in environments if environment in used]
    return render_template(
        "service.html",
        service=service,
        columns=columns,
        versions=history(rows, columns, {cell["environment"] for cell in running}),
        complete=len(rows) < DEPLOYMENTS,
        limit=DEPLOYMENTS,
        figures=metrics.overall.periods[0],
        production=metrics.environments,
    )


def _deployments(
    connection: Connection, name: str, running: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the newest deployments of a service, and those of what runs if they are older."""
    rows = store.LISTING.rows(connection, {"service": name}, DEPLOYMENTS)
    known = {row["id"] for row in rows}
    for cell in running:
        if cell["deployment_id"] not in known:
            found = store.find(connection, cell["deployment_id"])
            rows += [found] if found else []
    return rows
