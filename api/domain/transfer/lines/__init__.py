"""The lines of an exported ledger: the fields of each type.

A line has the shape of a POST body, and `type`. An export has `id` and `created_at` as well; its
`kind` is the stated one, because a decided kind follows from the history.
"""

from __future__ import annotations

from api.domain.transfer.lines.declarations import (
    DeclarationEntry,
    DeclarationReportEntry,
    DeclarationStatementEntry,
)
from api.domain.transfer.lines.entry import Entry, Header
from api.domain.transfer.lines.events import (
    DeletionEntry,
    EventEntry,
    IncidentStatementEntry,
    RemovalEntry,
    StatementEntry,
)
from api.domain.transfer.lines.records import (
    ChangeEntry,
    DeploymentEntry,
    EnvironmentEntry,
    IncidentEntry,
    ServiceEntry,
)

__all__ = [
    "ENTRIES",
    "DeclarationEntry",
    "DeploymentEntry",
    "Entry",
    "EnvironmentEntry",
    "Header",
    "IncidentEntry",
]

# In this order a line refers to earlier ones only.
ENTRIES: dict[str, type[Entry]] = {
    "service": ServiceEntry,
    "environment": EnvironmentEntry,
    "deployment": DeploymentEntry,
    "incident": IncidentEntry,
    "declaration": DeclarationEntry,
    "declaration_report": DeclarationReportEntry,
    "declaration_statement": DeclarationStatementEntry,
    "event": EventEntry,
    "change": ChangeEntry,
    "statement": StatementEntry,
    "incident_statement": IncidentStatementEntry,
    "removal": RemovalEntry,
    "deletion": DeletionEntry,
}
