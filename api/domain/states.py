"""The state of a cell of the matrix: how the running release compares to the declared one."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ColumnElement, FromClause, String, and_, case, literal, or_

from api.domain.kit.sql import is_commit, is_version


class SyncState(StrEnum):
    """How the running release compares to the declared one; docs/gitops.md defines these states."""

    IN_SYNC = "in-sync"
    PENDING = "pending"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"


# What each says is written out in a statement.
_NAMED = {state: literal(state, String) for state in SyncState}


def state(
    running: FromClause, declared: FromClause, newest: FromClause, deploying: ColumnElement[bool]
) -> ColumnElement[str]:
    """Select how the running release compares with the declared one.

    A difference is PENDING while a deployment is in progress or none has finished since the
    declaration, whether it succeeded or not, and DRIFTED otherwise. The state is UNKNOWN if nothing
    is declared, or nothing has ever succeeded. docs/api.md has a table of all combinations.
    `newest` is the deployment that started last, and `deploying` whether it is in progress.
    """
    at = declared.c.declared_at
    ended = newest.c.finished_at
    is_newer = and_(at > running.c.finished_at, or_(ended.is_(None), at > ended))
    return case(
        (at.is_(None), _NAMED[SyncState.UNKNOWN]),
        (deploying, _NAMED[SyncState.PENDING]),
        (running.c.id.is_(None), _NAMED[SyncState.UNKNOWN]),
        (_agree(running, declared), _NAMED[SyncState.IN_SYNC]),
        (is_newer, _NAMED[SyncState.PENDING]),
        else_=_NAMED[SyncState.DRIFTED],
    )


def _agree(running: FromClause, declared: FromClause) -> ColumnElement[bool]:
    """Return whether two releases are the same: by digest if both have one, else by version.

    A declared version may be the commit that runs.
    """
    images = running.c.image_digest, declared.c.image_digest
    version = declared.c.version
    return case(
        (and_(*(image.is_not(None) for image in images)), images[0] == images[1]),
        else_=is_version(running.c.version, version) | is_commit(version, running.c.commit),
    )
