"""Incidents, and the statements about each of them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Uuid,
    text,
)

from api.tables.schema import UtcDateTime, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("title", String(200), nullable=False),
    Column("detected_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    # The stated cause; without one, the probable cause is inferred when the incident is read.
    Column("deployment_id", ForeignKey("deployments.id")),
    Column("links", JSON, nullable=False, server_default=text("'[]'")),
    Column("source", String(63), nullable=False, server_default="api"),
    Column("external_id", String(256)),
    # The names of the fields that a person corrected: later reports do not change them.
    Column("corrected", JSON, nullable=False, server_default=text("'[]'")),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("resolved_at >= detected_at", name="resolved_after_detected"),
    Index("uq_incidents_source_external_id", "source", "external_id", unique=True),
    Index(None, "detected_at", "id"),
    Index(None, "service_id", "detected_at", "id"),
    Index(None, "environment_id", "detected_at", "id"),
    Index(None, "service_id", "environment_id", "detected_at", "id"),
    Index(None, "resolved_at", "detected_at", "id"),
    Index(None, "deployment_id"),
)

# The statements about each incident that has more than one, or one of an event.
incident_statements = Table(
    "incident_statements",
    metadata,
    Column("id", Uuid, primary_key=True),
    # NULL for what was said without an event.
    Column("event_id", ForeignKey("events.id")),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("source", String(63), nullable=False),
    Column("external_id", String(256), nullable=False),
    # Whether a person has said it of what was known by then.
    Column("correction", Boolean, nullable=False),
    Column("said", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "source", "external_id", "id"),
    Index(None, "event_id"),
)
