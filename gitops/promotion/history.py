"""The releases that an environment had, from the git history of the file that pins them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitops import versions
from gitops.errors import GitopsError
from gitops.ledger import Ledger
from gitops.pins import Pin
from gitops.releases import Release
from gitops.revision import Clone

# Of a digest: fewer digits are also those of a tag.
BEGINNING = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class Earlier:
    """A release that was declared, and a commit that declared it."""

    release: Release
    commit: str
    at: datetime


def earlier(clone: Clone, pin: Pin) -> list[Earlier]:
    """Return the releases that were pinned before the present one, newest first.

    Each is in it once, with the last commit that declared it.
    """
    found: dict[Release, Earlier] = {}
    for each in pinned(clone, pin):
        if each:
            found.setdefault(each.release, each)
    return [each for each in found.values() if not each.release.is_same(pin.release)]


def since(clone: Clone, pin: Pin) -> Earlier | None:
    """Return the commit since which a pin has its release; None if it is not committed."""
    found = None
    for each in pinned(clone, pin):
        if each is None or each.release != pin.release:
            break
        found = each
    return found


def pinned(clone: Clone, pin: Pin) -> Iterator[Earlier | None]:
    """Yield the release at each commit that changed the file of a pin, newest first, or None."""
    for commit, at, text in clone.versions(pin.file):
        try:
            release = pin.at(text)
        except GitopsError:  # the file was not YAML then: it declared nothing
            release = None
        yield Earlier(release, commit, at) if release is not None else None


def fault(
    each: Release, *, needs_digest: bool, ledger: Ledger | None, service: str, environment: str
) -> str:
    """Return why a release is not fit to go back to, or an empty text."""
    if not each.is_pinned and (needs_digest or each.digest):
        return "it has no digest"
    if ledger is None:
        return ""
    tried = list(deployments(ledger, each, service, environment))
    if not any(deployment["status"] == "succeeded" for deployment in tried):
        return "the ledger has no successful deployment of it"
    if tried[0]["status"] == "failed":
        return "it failed when it was last deployed"
    ids = {deployment["id"] for deployment in tried}
    for incident in ledger.items("incidents", service=service, environment=environment):
        if incident["deployment_id"] in ids:
            return f"it led to an incident: {incident['title']}"
    return ""


def deployments(
    ledger: Ledger, each: Release, service: str, environment: str
) -> Iterator[dict[str, Any]]:
    """Yield the deployments of a release in an environment, newest first."""
    query = {"service": service, "environment": environment}
    if each.tag:
        query["version"] = each.tag
    for deployment in ledger.items("deployments", **query):
        known = deployment["image_digest"]
        if not (known and each.digest) or known == each.digest:
            yield deployment


def choose(known: list[Earlier], to: str) -> Earlier:
    """Return the release with a version or digest. Raises GitopsError with those there were."""
    digest = to.removeprefix("sha256:")
    for each in known:
        if to and versions.same(to, each.release.tag):
            return each
    for each in known if BEGINNING.fullmatch(digest) else ():
        if each.release.digest.startswith(f"sha256:{digest}"):
            return each
    listed = ", ".join(str(each.release) for each in known) or "no other release"
    raise GitopsError(f"{to} was never declared here; the git history has {listed}")
