"""The peer's routes: a page of deployments, one of them, the matrix, and an idempotent report."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from prometheus_client import generate_latest
from sqlalchemy import Table, bindparam, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from bench.peer import matrix
from bench.peer.database import reading, writing
from bench.peer.duties import Observed, admit, answer, registry
from bench.peer.models import DEPLOYMENT, FINAL, MATRIX, PAGE, NewDeployment
from bench.peer.tables import Time, deployments, environments, services

app = FastAPI(title="Peer")
app.add_middleware(Observed)
URL = "/api/v1/deployments"
ADMITTED = [Depends(admit)]

FIELDS = select(
    services.c.name.label("service"), environments.c.name.label("environment"), deployments
).select_from(
    deployments.join(services, services.c.id == deployments.c.service_id).join(
        environments, environments.c.id == deployments.c.environment_id
    )
)
SORTED = deployments.c.started_at.desc(), deployments.c.id.desc()
FIRST = FIELDS.order_by(*SORTED).limit(bindparam("limit"))
NEXT = FIRST.where(
    tuple_(deployments.c.started_at, deployments.c.id)
    < tuple_(bindparam("time", type_=Time), bindparam("id", type_=deployments.c.id.type))
)
BY_ID = FIELDS.where(deployments.c.id == bindparam("id"))
BY_KEY = FIELDS.where(
    deployments.c.source == bindparam("source"),
    deployments.c.external_id == bindparam("external_id"),
)
INSERT = (
    insert(deployments)
    .on_conflict_do_nothing(index_elements=["source", "external_id"])
    .returning(deployments.c.id)
)
NAMED = {
    table: select(table.c.id).where(table.c.name == bindparam("name"))
    for table in (services, environments)
}
NEW = {
    table: insert(table).on_conflict_do_nothing(index_elements=["name"])
    for table in (services, environments)
}
# A cursor is valid for one list only.
FINGERPRINT = hashlib.sha256(b"deployments.list_deployments {}").hexdigest()[:8]


@app.get("/healthz")
async def healthz(request: Request) -> Response:
    """Answer that it runs."""
    return answer(request, b'{"status":"ok"}\n')


@app.get("/metrics")
async def metrics() -> Response:
    """Return the metrics."""
    return Response(generate_latest(registry), media_type="text/plain")


@app.get(URL, dependencies=ADMITTED)
async def list_deployments(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
) -> Response:
    """Return a page of deployments, newest first."""
    after = {} if cursor is None else _position(cursor)
    statement = NEXT if after else FIRST
    async with reading() as connection:
        found = await connection.execute(statement, {"limit": limit + 1, **after})
    rows = found.mappings().all()
    items, next_cursor, headers = rows[:limit], None, {}
    if len(rows) > limit:
        payload = [FINGERPRINT, str(items[-1]["started_at"]), str(items[-1]["id"])]
        encoded = base64.urlsafe_b64encode(json.dumps(payload).encode())
        next_cursor = encoded.decode().rstrip("=")
        headers["Link"] = f'<{URL}?limit={limit}&cursor={next_cursor}>; rel="next"'
    page = PAGE.validate_python({"items": items, "next_cursor": next_cursor})
    return answer(request, PAGE.dump_json(page) + b"\n", headers)


@app.get(URL + "/{deployment_id}", dependencies=ADMITTED)
async def get_deployment(request: Request, deployment_id: UUID) -> Response:
    """Return one deployment."""
    async with reading() as connection:
        row = (await connection.execute(BY_ID, {"id": deployment_id})).mappings().one_or_none()
    if row is None:
        raise HTTPException(404)
    return answer(request, _body(row))


@app.get("/api/v1/matrix", dependencies=ADMITTED)
async def get_matrix(request: Request) -> Response:
    """Return what runs where."""
    async with reading() as connection:
        rows = (await connection.execute(matrix.STATEMENT)).mappings().all()
    found = {"cells": [matrix.cell(dict(row)) for row in rows], "next_cursor": None}
    return answer(request, MATRIX.dump_json(MATRIX.validate_python(found)) + b"\n")


@app.post(URL, dependencies=ADMITTED)
async def record_deployment(new: NewDeployment) -> Response:
    """Store a report, once for each external id; it is on the disk when it is answered."""
    at = datetime.now(UTC)
    finished_at = new.finished_at
    if finished_at is None and new.status in FINAL:
        finished_at = max(at, new.started_at or at)
    row: dict[str, Any] = {
        **new.model_dump(exclude={"service", "environment"}),
        "id": uuid7(),
        "kind": new.kind or "rollout",
        "stated_kind": new.kind,
        "started_at": new.started_at or finished_at or at,
        "finished_at": finished_at,
        "created_at": at,
    }
    async with writing() as connection:
        row["service_id"] = await _id(connection, services, new.service, at)
        row["environment_id"] = await _id(connection, environments, new.environment, at)
        created = (await connection.execute(INSERT, row)).first() is not None
        found: Any = {**row, "service": new.service, "environment": new.environment}
        if not created:
            found = (await connection.execute(BY_KEY, row)).mappings().one()
    location = {"Location": f"{URL}/{found['id']}"}
    status = 201 if created else 200
    return Response(_body(found), status, media_type="application/json", headers=location)


async def _id(connection: AsyncConnection, table: Table, name: str, at: datetime) -> Any:
    """Return the id of a service or an environment; create it if it does not exist."""
    found = (await connection.execute(NAMED[table], {"name": name})).scalar_one_or_none()
    if found is None:
        await connection.execute(NEW[table], {"id": uuid7(), "name": name, "created_at": at})
        found = (await connection.execute(NAMED[table], {"name": name})).scalar_one()
    return found


def _body(row: Any) -> bytes:
    return DEPLOYMENT.dump_json(DEPLOYMENT.validate_python(dict(row))) + b"\n"


def _position(cursor: str) -> dict[str, Any]:
    try:
        payload = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        fingerprint, time, identifier = json.loads(payload)
        position = {"time": datetime.fromisoformat(time), "id": UUID(identifier)}
    except ValueError as error:
        raise HTTPException(422) from error
    if fingerprint != FINGERPRINT:
        raise HTTPException(422)
    return position
