"""What runs of each service in each environment, and what is declared: one statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Uuid, text

DECLARED = ("version", "image_digest", "config_revision", "repository", "path", "declared_at")
# A removal at or after a time ended a deployment, unless it is of another one.
ENDED = """EXISTS (
    SELECT FROM removals m
    WHERE m.environment_id = e.id AND (m.service_id IS NULL OR m.service_id = s.id)
      AND m.removed_at >= {time}
      AND (m.external_id IS NULL OR EXISTS (
        SELECT FROM evidence v
        WHERE (v.source, v.external_id, v.deployment_id) = (m.source, m.external_id, {id}))))"""
IN_CELL = "service_id = s.id AND environment_id = e.id"
BEGAN = f"{IN_CELL} AND status = 'succeeded' AND kind <> 'resync'"

STATEMENT = text(f"""
SELECT s.name AS service, e.name AS environment, r.version, r.image_digest, r.commit,
    r.config_revision, r.id AS deployment_id, coalesce(began.finished_at, r.finished_at) AS since,
    r.finished_at AS succeeded_at, n.finished_at AS last_finished_at,
    n.id IS NOT NULL AND n.finished_at IS NULL AS deploying,
    {", ".join(f"d.{name} AS declared_{name}" for name in DECLARED)}
FROM services s CROSS JOIN environments e
LEFT JOIN LATERAL (
    SELECT * FROM deployments WHERE {IN_CELL} AND status = 'succeeded'
    ORDER BY finished_at DESC, id DESC LIMIT 1
) r ON NOT {ENDED.format(time="r.finished_at", id="r.id")}
LEFT JOIN LATERAL (
    SELECT id, finished_at FROM deployments o
    WHERE {BEGAN} AND o.finished_at <= r.finished_at
      AND (ltrim(o.version, 'v') <> ltrim(r.version, 'v') OR o.image_digest <> r.image_digest)
    ORDER BY o.finished_at DESC, o.id DESC LIMIT 1
) replaced ON true
LEFT JOIN LATERAL (
    SELECT f.finished_at FROM deployments f
    WHERE {BEGAN} AND r.id IS NOT NULL
      AND f.finished_at >= coalesce(replaced.finished_at, '-infinity')
      AND (f.finished_at, f.id) > (coalesce(replaced.finished_at, '-infinity'),
        coalesce(replaced.id, '00000000-0000-0000-0000-000000000000'))
      AND NOT {ENDED.format(time="f.finished_at", id="f.id")}
    ORDER BY f.finished_at, f.id LIMIT 1
) began ON true
LEFT JOIN LATERAL (
    SELECT * FROM declarations WHERE {IN_CELL} ORDER BY declared_at DESC LIMIT 1
) d ON d.version IS NOT NULL OR d.image_digest IS NOT NULL
LEFT JOIN LATERAL (
    SELECT id, started_at, finished_at FROM deployments WHERE {IN_CELL}
    ORDER BY started_at DESC, id DESC LIMIT 1
) n ON NOT {ENDED.format(time="n.started_at", id="n.id")}
WHERE r.id IS NOT NULL OR d.id IS NOT NULL
ORDER BY s.name COLLATE "C", e.promotion_order, e.name COLLATE "C"
""").columns(  # noqa: S608 (made of constants)
    deployment_id=Uuid, since=DateTime(timezone=True), succeeded_at=DateTime(timezone=True)
)


def cell(found: dict[str, Any]) -> dict[str, Any]:
    """Return a cell of the matrix with its state, from a row."""
    declared = {name: found.pop(f"declared_{name}") for name in DECLARED}
    found["declared"] = declared if declared["declared_at"] else None
    ended = [time for time in (found.pop("succeeded_at"), found["last_finished_at"]) if time]
    found["last_finished_at"] = max(ended) if ended and not found["deploying"] else None
    found["state"] = _state(found, found["declared"], found["last_finished_at"])
    return found


def _state(
    running: Mapping[str, Any], declared: Mapping[str, Any] | None, ended: datetime | None
) -> str:
    if declared is None:
        return "unknown"
    if running["deploying"]:
        return "pending"
    if running["deployment_id"] is None:
        return "unknown"
    if running["image_digest"] and declared["image_digest"]:
        same = running["image_digest"] == declared["image_digest"]
    else:
        same = running["version"].lstrip("v") == (declared["version"] or "").lstrip("v")
    if same:
        return "in-sync"
    return "pending" if ended is None or declared["declared_at"] > ended else "drifted"
