"""What a repository is read as: overlays, what is set aside of them, and files at fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from gitops.kustomization import Kustomization
from gitops.options import PLAIN, Options

# The names of folders from which overlays are made.
BASES = {"base", "bases", "common", "component", "components", "upstream"}


@dataclass(frozen=True, order=True)
class Fault:
    """Why a file cannot be used, or cannot mean what it says."""

    file: Path
    line: int
    message: str
    is_cycle: bool = False  # of includes, and not in the file alone


@dataclass(frozen=True)
class Aside:
    """An entry that cannot be rendered here, so that the rest is checked without it."""

    file: Path
    line: int
    what: str  # with the reason; a name of what is made before the build
    is_made: bool = False  # before the build
    makes: bool = True  # objects, or changes of them, that are not known
    opens: str = ""  # the generator whose keys are not known


@dataclass(frozen=True, eq=False)
class Overlay:
    """What is applied to one environment."""

    name: str
    top: Kustomization
    tree: tuple[Kustomization, ...]
    # What is read instead of the disk, so that it can be rendered (gitops.aside), and the component
    # of one that is rendered to check a component that no overlay includes (gitops.optional).
    files: Mapping[Path, str] = field(default_factory=dict)
    component: Kustomization | None = None
    options: Options = PLAIN
    aside: tuple[Aside, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder that is rendered."""
        return self.top.folder

    @property
    def is_base(self) -> bool:
        """Whether it is what overlays are made from, by its path."""
        return not BASES.isdisjoint(PurePath(self.name).parts)

    def is_named(self, name: str) -> bool:
        """Tell whether this is an overlay of a name: its path, or that of a folder in it."""
        return name in (self.name, self.folder.name, *PurePath(self.name).parts)


@dataclass(frozen=True)
class Copy:
    """Where a copy of a clone begins, and the URLs of the clone's remotes."""

    top: Path
    remotes: tuple[str, ...]
