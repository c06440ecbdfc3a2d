"""What all lines have in common, and the first one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID, uuid5

from pydantic import AwareDatetime, Field
from pydantic_core import to_json

from api.domain.kit.models import Incoming
from api.domain.kit.times import Time

# Ids made of what a line says, for lines that have none.
NAMESPACE = UUID("5b1f3c1e-6f1c-4a53-8f83-1d3f9d0f4c57")
# These are filled in when they are not given.
FILLED = {
    "id",
    "created_at",
    "started_at",
    "finished_at",
    "tier",
    "promotion_order",
    "transient",
    "described",
}


class Header(Incoming):
    """The first line, which describes the others."""

    format: Literal["slipway-ledger"] = "slipway-ledger"
    version: Literal[1] = 1
    schema_revision: str
    exported_at: AwareDatetime
    counts: dict[str, Annotated[int, Field(ge=0)]]


class Entry(Incoming):
    """A record of the ledger, unique by its id and by its key."""

    KEY: ClassVar[tuple[str, ...]] = ("source", "external_id")
    # Two entries may differ in these and still be the same.
    INCIDENTAL: ClassVar[frozenset[str]] = frozenset({"type"})

    type: str
    id: UUID | None = None
    created_at: Time | None = None

    @property
    def key(self) -> tuple[Any, ...] | None:
        """Return the key, which is unique beside the id, or None."""
        key = tuple(getattr(self, name) for name in self.KEY)
        return None if None in key else key

    @property
    def marks(self) -> set[tuple[Any, ...]]:
        """Return the id and the key, as far as it has them."""
        return {mark for mark in ((self.id,), self.key) if mark not in (None, (None,))}

    def given(self) -> dict[str, Any]:
        """Return the values of the line, without those that are filled in."""
        given = self.model_dump(include=self.model_fields_set - self.INCIDENTAL)
        return {
            name: value for name, value in given.items() if value is not None or name not in FILLED
        }

    def differs_from(self, known: Mapping[str, Any]) -> list[str]:
        """Return the names of the values that differ from the ledger's."""
        return [name for name, value in self.given().items() if known[name] != value]

    def identified(self) -> Self:
        """Return the entry with an id if it has neither id nor key: the same for the same line."""
        if self.id is not None or self.key is not None:
            return self
        identifier = uuid5(NAMESPACE, self.type.encode() + to_json(self.given()))
        return self.model_copy(update={"id": identifier})


class KeyedEntry(Entry):
    """A record that is known by its key alone: two with different ids may be the same."""

    INCIDENTAL = frozenset({"type", "id", "created_at"})
