"""Whether a release may be promoted: pinned, deployed, healthy for long enough, and signed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gitops import cosign, programs
from gitops.config import Config
from gitops.errors import GitopsError
from gitops.ledger import Ledger
from gitops.pins import Pin
from gitops.releases import Release
from gitops.repository import Repository
from gitops.revision import Clone

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DEFAULT_SOAK = "30m"
WRITABLE = 0o222  # to anybody


@dataclass
class Judgement:
    """The result: reasons to refuse, notes, and the changes that the release brings."""

    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    change_count: int = 0
    commits: tuple[str, str] | None = None  # of what runs now in the target, and of what would

    def demand_writable(self, repository: Repository, file: Path) -> None:
        """Add a reason to refuse if a file is read-only: somebody made it so."""
        if not file.stat().st_mode & WRITABLE:
            self.reasons.append(f"{repository.relative(file)} is read-only: make it writable first")

    def demand_committed(self, clone: Clone, repository: Repository, file: Path) -> None:
        """Add a reason to refuse if a file has uncommitted changes."""
        if clone.is_dirty(file):
            path = repository.relative(file)
            self.reasons.append(f"{path} has uncommitted changes: commit them first")


def duration(text: str) -> timedelta:
    """Parse a duration such as 90s, 30m, 12h or 2d. Raises GitopsError for anything else."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not found:
        raise GitopsError(f"{text!r} is not a duration: use 90s, 30m, 12h or 2d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def brief(span: timedelta) -> str:
    """Return a duration in its two largest units, or in seconds."""
    seconds = int(span.total_seconds())
    if span < timedelta(minutes=1):
        return f"{seconds} s"
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min")]
    return " ".join([f"{number} {unit}" for number, unit in parts if number][:2])


def ask_ledger(
    found: Judgement,
    ledger: Ledger,
    pin: Pin,
    service: str,
    route: tuple[str, str],
    soak: timedelta,
    accepted: Collection[str],
) -> None:
    """Add what the ledger has against a promotion, and the changes that it would bring."""
    source, target = route
    cell = next(
        (
            each
            for each in ledger.get("matrix")["cells"]
            if (each["service"], each["environment"]) == (service, source)
        ),
        None,
    )
    if cell is None or cell["deployment_id"] is None:
        found.reasons.append(f"the ledger has no deployment of {service} in {source}")
        return
    if not runs(cell, pin):
        text = f"{source} runs {cell['version']} ({digest_of(cell)}), but git declares"
        found.reasons.append(f"{text} {pin.release}: wait until it is deployed")
        return
    item = waiting(ledger, service, route)
    if item is None:
        found.notes.append(f"the ledger has no promotion pending to {target}")
    since = datetime.fromisoformat((item or {}).get("waiting_since") or cell["since"])
    waited = datetime.now(UTC) - since
    if waited < soak:
        text = f"it has run in {source} for {brief(waited)}, and needs {brief(soak)}"
        found.reasons.append(text)
    else:
        found.notes.append(f"it has run in {source} for {brief(waited)}")
    blockers = item["blockers"] if item else incidents(ledger, service, source)
    for each in blockers:
        if each["reason"] in accepted:
            found.notes.append(f"accepted: {each['reason']}: {each['detail']}")
        else:
            found.reasons.append(f"{each['detail']} ({each['reason']})")
    if item:
        found.changes, found.change_count = item["changes"], item["change_count"]
        replaced = (item["replaces"] or {}).get("commit")
        if replaced and item["commit"]:
            found.commits = replaced, item["commit"]


def waiting(ledger: Ledger, service: str, route: tuple[str, str]) -> dict[str, Any] | None:
    """Return the pending promotion of a service; None if the target has it, or is unknown."""
    source, target = route
    if all(each["name"] != target for each in ledger.items("environments")):
        return None
    pending = ledger.get("promotions/pending", **{"from": source, "to": target})["items"]
    return next((each for each in pending if each["service"] == service), None)


def runs(cell: dict[str, Any], pin: Pin) -> bool:
    """Tell whether the ledger saw what git pins running."""
    return pin.release.is_same(Release(cell["version"], cell["image_digest"] or ""))


def digest_of(cell: dict[str, Any]) -> str:
    """Return the start of the digest that the ledger saw."""
    return str(cell["image_digest"])[:19] if cell["image_digest"] else "digest not known"


def incidents(ledger: Ledger, service: str, environment: str) -> Iterator[dict[str, Any]]:
    """Yield the open incidents, as blockers."""
    for each in ledger.items("incidents", service=service, environment=environment, open="true"):
        yield {"reason": "incident_open", "detail": f"{environment}: {each['title']}"}


def verify_signature(found: Judgement, image: str, config: Config) -> None:
    """Add whether an image, by digest, has the signature that gitops.yaml asks for."""
    wanted = config.promotion
    if "cosign-key" in wanted:
        whose = cosign.key_options(key_file(config, wanted["cosign-key"]))
    elif {"cosign-identity", "cosign-issuer"} <= wanted.keys():
        identity, issuer = pattern(wanted["cosign-identity"]), wanted["cosign-issuer"]
        whose = cosign.identity_options(identity, issuer, is_pattern=True)
    else:
        found.notes.append("its signature is not verified: gitops.yaml names no signer")
        return
    hint = f"gitops.yaml asks for a signature: {programs.how_to_get('cosign')}"
    program = programs.find("cosign", hint)
    try:
        cosign.run(program, "verify", *whose, image)
    except GitopsError as error:
        found.reasons.append(f"its signature does not verify: {error}")
    else:
        found.notes.append("its signature verifies")


def pattern(identity: str) -> str:
    """Return an identity as a regular expression; `*` in it stands for anything."""
    return f"^{'.*'.join(map(re.escape, identity.split('*')))}$"


def key_file(config: Config, key: str) -> str:
    """Return a key as cosign takes it; a path is relative to gitops.yaml."""
    return key if "://" in key else str(config.file.parent / key)
