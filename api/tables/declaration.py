"""What git declares, and the reports that it follows from."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Uuid

from api.tables.schema import UtcDateTime, metadata

# The release of a service that git declares for an environment from some time on; a row with
# neither version nor digest is a withdrawal.
declarations = Table(
    "declarations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("version", String(128)),
    Column("image_digest", String(71)),
    Column("config_revision", String(128), nullable=False),
    # The declaring folder of a repository.
    Column("repository", String(512), nullable=False),
    Column("path", String(255), nullable=False),
    Column("declared_at", UtcDateTime, nullable=False),
    # The time of the report whose statement it follows from; NULL if it stands for itself.
    Column("reported_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    # The declared release at a given time: the latest declaration for a service and environment.
    Index(
        "uq_declarations_service_id_environment_id_declared_at",
        "service_id",
        "environment_id",
        "declared_at",
        unique=True,
    ),
    Index(None, "declared_at", "id"),
    Index(None, "service_id", "declared_at", "id"),
    Index(None, "environment_id", "declared_at", "id"),
)

# When a folder of a repository reported what it declares for an environment.
declaration_reports = Table(
    "declaration_reports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("repository", String(512), nullable=False),
    Column("path", String(255), nullable=False),
    Column("declared_at", UtcDateTime, nullable=False),
    Column("config_revision", String(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(
        "uq_declaration_reports_environment_id_folder",
        "environment_id",
        "repository",
        "path",
        "declared_at",
        unique=True,
    ),
    Index(None, "environment_id", "declared_at"),
)

# What a report states of a service and the folder's report before it does not; with neither version
# nor digest, the report leaves the service out.
declaration_statements = Table(
    "declaration_statements",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("repository", String(512), nullable=False),
    Column("path", String(255), nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    Column("version", String(128)),
    Column("image_digest", String(71)),
    # What it states of this service alone; NULL for what holds for the whole report.
    Column("config_revision", String(128)),
    Column("declared_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    # What a folder stated of a service up to a given time.
    Index(
        "uq_declaration_statements_service_id_environment_id_folder",
        "service_id",
        "environment_id",
        "repository",
        "path",
        "reported_at",
        unique=True,
    ),
    Index(None, "environment_id", "reported_at"),
)
