"""What services and environments have in common: they are described and deleted by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from flask import url_for
from pydantic import BaseModel
from sqlalchemy import Connection

from api.database import database
from api.http import auth, etags
from api.http.problems import found_or_404

log = structlog.get_logger()

Row = dict[str, Any]


class Named[Description](NamedTuple):
    """How one kind of resource is shown, found, described and deleted."""

    kind: str
    model: type[BaseModel]
    find: Callable[[Connection, str], Row | None]
    describe: Callable[[Connection, str, Description], bool]
    delete: Callable[[Connection, str, str], Row]

    def get(self, name: str) -> Row:
        """Return the resource of this name; abort with 404 if there is none."""
        with database().read() as connection:
            return found_or_404(self.find(connection, name), self.kind, name)

    def put(self, name: str, description: Description) -> tuple[Row, int, dict[str, str]]:
        """Return the response to a PUT, which creates a resource or replaces its description."""
        with database().write() as connection:
            before = self.find(connection, name)
            etags.check(before, self.model)
            created = self.describe(connection, name, description)
            described = self.find(connection, name)
            if before is None and not created:  # somebody else has created it since
                etags.check(described, self.model)
        location = url_for(f".get_{self.kind}", name=name)
        return described or {}, 201 if created else 200, {"Location": location}

    def remove(self, name: str) -> tuple[str, int]:
        """Return the response to a DELETE; abort with 404 if there is no such resource."""
        with database().write() as connection:
            found = found_or_404(self.find(connection, name), self.kind, name)
            etags.check(found, self.model)
            deleted = self.delete(connection, name, auth.caller_name())
        log.info("deleted", **deleted)  # once it is committed
        return "", 204
