"""What a repository declares for each environment, and how to send that to the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gitops.environments import Environments, service_of
from gitops.errors import GitopsError
from gitops.ledger import Ledger
from gitops.pins import Pin, every
from gitops.promotion import history
from gitops.releases import Release
from gitops.remotes import SSH, URL
from gitops.repository import Repository
from gitops.revision import Clone


@dataclass(frozen=True)
class Change:
    """A change of one service in one environment; None is for not declared."""

    environment: str
    service: str
    old: Release | None
    new: Release | None

    def document(self) -> dict[str, Any]:
        """Return the change for JSON."""
        releases = {"from": self.old, "to": self.new}
        place = {"environment": self.environment, "service": self.service}
        return place | {name: vars(each) if each else None for name, each in releases.items()}


@dataclass
class Declarations:
    """Everything that a folder of a repository declares, as of one commit."""

    repository: str
    path: str
    commit: str
    committed_at: str
    # By environment and service, as the ledger's API takes them.
    environments: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, repository: Repository, clone: Clone, url: str) -> Declarations:
        """Read the declarations."""
        path = repository.root.relative_to(clone.top).as_posix()
        commit, at = clone.head()
        found = cls(url, "" if path == "." else path, commit, at.isoformat())
        for environment, images in by_environment(repository).items():
            services = Counter(map(service_of, images))
            for image, each in images.items():
                service = service_of(image)
                reason = undeclared(each, images)
                if services[service] > 1:
                    reason = f"several images, one of them {image}"
                if reason:
                    found.notes.append(f"{environment}: {service}: {reason}")
                    continue
                declared = found.environments.setdefault(environment, {})
                declared[service] = declaration(clone, each[0], commit)
        return found

    def known(self, ledger: Ledger) -> dict[str, dict[str, Release]]:
        """Return what the ledger has from this folder, or for its services, by environment."""
        found: dict[str, dict[str, Release]] = {name: {} for name in self.environments}
        for cell in ledger.get("matrix")["cells"]:
            declared = cell["declared"]
            ours = declared and (declared["repository"], declared["path"]) == self.source
            if ours or (declared and cell["service"] in self.services(cell["environment"])):
                services = found.setdefault(cell["environment"], {})
                services[cell["service"]] = release(declared)
        return found

    def changes(self, known: dict[str, dict[str, Release]]) -> Iterator[Change]:
        """Yield what would change in the ledger."""
        for environment, before in sorted(known.items()):
            after = {name: release(each) for name, each in self.services(environment).items()}
            for service in sorted(before.keys() | after.keys()):
                change = Change(environment, service, before.get(service), after.get(service))
                if change.old != change.new:
                    yield change

    def send(self, ledger: Ledger, environments: Iterable[str]) -> Iterator[str]:
        """Send the declarations; yield those that the ledger has from a later commit."""
        for environment in sorted(environments):
            services = self.services(environment)
            answer = ledger.put(f"declarations/{environment}", self.body(environment))["services"]
            for service, each in services.items():
                held = answer.get(service)
                if held is None or release(held) != release(each):
                    newer = f"{release(held)} since {held['declared_at']}" if held else "nothing"
                    yield (
                        f"{environment}: {service}: the ledger has the declaration of a later"
                        f" commit, {newer}: is this checkout up to date?"
                    )

    def body(self, environment: str) -> dict[str, Any]:
        """Return the body of the request for one environment."""
        return {
            "repository": self.repository,
            "path": self.path,
            "config_revision": self.commit,
            "declared_at": self.committed_at,
            "services": self.services(environment),
        }

    def services(self, environment: str) -> dict[str, dict[str, str]]:
        """Return what is declared for an environment: nothing if it was removed."""
        return self.environments.get(environment, {})

    @property
    def source(self) -> tuple[str, str]:
        """The repository and the path in it, which identify the declarations."""
        return self.repository, self.path


def by_environment(repository: Repository) -> dict[str, dict[str, list[Pin]]]:
    """Return the pins by environment and image, in the order of the overlays."""
    found: dict[str, dict[str, list[Pin]]] = {}
    known = Environments.find(repository)
    for pin in every(repository):
        images = found.setdefault(known.of(pin), {})
        images.setdefault(known.image(pin), []).append(pin)
    return found


def undeclared(same: list[Pin], images: dict[str, list[Pin]]) -> str:
    """Return why the pins of one image in an environment declare nothing, or an empty text.

    An image that several applications pin beside one of their own, such as a proxy, is a part of
    each of them, and no service.
    """
    applications = {pin.overlay for pin in same}
    names = ", ".join(pin.where for pin in same)
    own = {pins[0].overlay for pins in images.values() if len(pins) == 1}
    if len(applications) > 1 and own.issuperset(applications):
        return f"a part of {names}"
    if len(set().union(*(pin.every_release for pin in same))) > 1:
        return f"several releases, of {names}"
    return "a digest of zeros" if same[0].release.is_free else ""


def declaration(clone: Clone, pin: Pin, head: str) -> dict[str, str]:
    """Return the declaration of a pin, which counts from now on if it is not committed."""
    fields = {"version": pin.release.tag, "image_digest": pin.release.digest}
    declared = history.since(clone, pin)
    fields["config_revision"] = declared.commit if declared else f"{head}-dirty"
    fields["declared_at"] = (declared.at if declared else datetime.now(UTC)).isoformat()
    return {name: value for name, value in fields.items() if value}


def release(declared: dict[str, Any]) -> Release:
    """Return the release of a declaration."""
    return Release(declared.get("version") or "", declared.get("image_digest") or "")


def web_address(remote: str) -> str:
    """Return the web address of a remote repository, without credentials.

    Raises GitopsError if it has none.
    """
    found = URL.fullmatch(remote) or SSH.fullmatch(remote)
    if found:
        parts = found.groupdict()
        if parts.get("scheme", "").startswith("http"):
            return f"{parts['scheme']}://{parts['host']}{parts['port'] or ''}/{parts['path']}"
        return f"https://{parts['host']}/{parts['path']}"
    what = f"{remote} is not a web address" if remote else "this clone has no origin"
    raise GitopsError(f"{what}: name this repository with --repository URL")
