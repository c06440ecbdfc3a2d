"""A change of the release that an environment pins: the edit, and a pull request's text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from gitops.errors import GitopsError
from gitops.pins import Pin, read
from gitops.promotion.judgement import Judgement
from gitops.releases import Release

MAX_CHANGES = 30


@dataclass(frozen=True)
class Proposal:
    """A new release for one environment, and why it may or may not have it."""

    title: str
    pin: Pin
    release: Release
    path: str
    judgement: Judgement

    @property
    def is_same(self) -> bool:
        """Whether the environment has the release already."""
        return self.release == self.pin.release

    def text(self) -> str:
        """Return the text of the file with the release."""
        return self.pin.with_release(self.release)

    def diff(self) -> str:
        """Return the diff of the file."""
        old = read(self.pin.file).splitlines()
        new = self.text().splitlines()
        return "\n".join(
            unified_diff(old, new, f"a/{self.path}", f"b/{self.path}", n=2, lineterm="")
        )

    def write(self) -> None:
        """Write the file atomically. Raises GitopsError if it cannot be written."""
        file, text = self.pin.file, self.text()
        beside = file.with_name(f".{file.name}.new")
        try:
            beside.write_bytes(text.encode())
            beside.chmod(file.stat().st_mode)
            beside.replace(file)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise GitopsError(f"{file}: {error.strerror}") from None

    def body(self) -> str:
        """Return the text of a pull request, in Markdown."""
        lines = [f"`{self.pin.image}`: {self.pin.release} → **{self.release}**", ""]
        if self.release.digest:
            lines += [f"Digest: `{self.release.digest}`", ""]
        lines += [f"- {note}" for note in self.judgement.notes]
        if self.judgement.changes:
            lines += ["", f"Changes ({self.judgement.change_count}):", "", *self.changes()]
        return "\n".join(lines)

    def changes(self) -> Iterator[str]:
        """Yield a line for each change that it brings, at most MAX_CHANGES of the newest."""
        for each in self.judgement.changes[:MAX_CHANGES]:
            who = f", {each['author']}" if each.get("author") else ""
            yield f"- `{each['commit'][:12]}` {each.get('title') or 'no title'}{who}"
        if self.judgement.change_count > MAX_CHANGES:
            yield f"- … and {self.judgement.change_count - MAX_CHANGES} more"

    def document(self, *, changed: bool) -> dict[str, Any]:
        """Return the proposal for JSON."""
        return {
            "title": self.title,
            "image": self.pin.image,
            "from": vars(self.pin.release),
            "to": vars(self.release),
            "file": self.path,
            "changed": changed,
            "refused": self.judgement.reasons,
            "notes": self.judgement.notes,
            "diff": "" if self.judgement.reasons else self.diff(),
            "body": self.body(),
        }
