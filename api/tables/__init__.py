"""The tables of the ledger, for SQLAlchemy Core; migrations/ creates and changes them."""

from __future__ import annotations

from api.tables.caller import answers, tokens
from api.tables.catalog import environments, services
from api.tables.declaration import declaration_reports, declaration_statements, declarations
from api.tables.deployment import NEW_RELEASE, changes, deployments, evidence, versions
from api.tables.event import deletions, events, removals
from api.tables.incident import incident_statements, incidents
from api.tables.metric import changed_facts, failures, first_deliveries, lead_times
from api.tables.notification import deliveries, subscriptions
from api.tables.schema import REQUIRED_REVISION, UtcDateTime, metadata

__all__ = [
    "NEW_RELEASE",
    "REQUIRED_REVISION",
    "UtcDateTime",
    "answers",
    "changed_facts",
    "changes",
    "declaration_reports",
    "declaration_statements",
    "declarations",
    "deletions",
    "deliveries",
    "deployments",
    "environments",
    "events",
    "evidence",
    "failures",
    "first_deliveries",
    "incident_statements",
    "incidents",
    "lead_times",
    "metadata",
    "removals",
    "services",
    "subscriptions",
    "tokens",
    "versions",
]
