"""A git clone: its revisions, its history, and its files as they were at a revision."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess

from gitops import programs
from gitops.errors import GitopsError

# What default branches are called where git does not say which one it is.
BRANCHES = ("main", "master", "trunk")
COMMIT = ("commit", "author", "title")
# A path is no pattern, and a log has nothing in it but what its format says.
GIT = ("git", "--literal-pathspecs", "-c", "log.showSignature=false")
MODULE = "160000"  # the mode of a submodule in an index


@dataclass(frozen=True)
class Clone:
    """A git repository, by the folder it is checked out in."""

    top: Path

    @classmethod
    def of(cls, folder: Path) -> Clone:
        """Return the clone that a folder is in. Raises GitopsError if it is in none."""
        inside = cls(folder)._git("rev-parse", "--show-toplevel")
        if inside.returncode:
            raise programs.failure(inside, str(folder))
        return cls(Path(inside.stdout.strip()).resolve())

    def git(self, *argv: str) -> str:
        """Return what a git command prints. Raises GitopsError, with git's reason, if it fails."""
        return self._done(*argv).strip()

    def default(self) -> str:
        """Return what a branch is compared with: the default branch, else the commit before.

        Raises GitopsError if there is neither, because nothing is committed or fetched.
        """
        if not self._commit("HEAD"):
            raise self._empty()
        # The first commit of a branch differs from nothing but what is not committed.
        only: tuple[str, ...] = () if self.is_shallow() else ("HEAD",)
        for revision in (*self._defaults(), "HEAD^", *only):
            if self._commit(revision):
                return revision
        fetch = remedy(f"origin/{BRANCHES[0]}", self.is_shallow())
        raise GitopsError(f"this clone has no default branch: use --base REF, or `{fetch}`")

    def commit(self, revision: str) -> str:
        """Return the commit of a revision. Raises GitopsError with what to fetch."""
        found = self._commit(revision)
        if found:
            return found
        if not self._commit("HEAD"):
            raise self._empty()
        fetch = remedy(revision, self.is_shallow())
        raise GitopsError(f"this clone has no revision {revision!r}: `{fetch}` may bring it")

    def has(self, commit: str, path: Path) -> bool:
        """Tell whether a commit has a file at a path below the top of the clone."""
        return self._git("cat-file", "-e", f"{commit}:{path}").returncode == 0

    def changed(self, revision: str) -> frozenset[Path]:
        """Return the paths that differ from where this branch left a revision, on both sides.

        What is not committed counts too, and of a renamed file both names.
        Raises GitopsError for an unknown revision.
        """
        commit = self.commit(revision)
        # In a shallow clone there may be no common commit.
        start = self._git("merge-base", commit, "HEAD").stdout.strip() or commit
        names = self.git("diff", "--name-only", "--no-renames", "-z", start, "--")
        others = self.git("ls-files", "--others", "--exclude-standard", "--full-name", "-z")
        return frozenset(self.top / name for name in f"{names}\0{others}".split("\0") if name)

    @contextmanager
    def unpacked(
        self, revision: str, *paths: str | Path, beside: Path | None = None
    ) -> Iterator[Path]:
        """Provide a folder with the files of a revision, or those at some paths, within a block.

        The folder is a temporary one, in `beside` if that is given.
        Raises GitopsError for an unknown revision.
        """
        commit = self.commit(revision)
        with tempfile.TemporaryDirectory(prefix="revision-", dir=beside) as name:
            folder = Path(name).resolve() / "tree"
            self._unpack(commit, folder, *paths)
            yield folder

    def _unpack(self, commit: str, folder: Path, *paths: str | Path) -> None:
        """Write the files of a commit as they would be checked out, those of submodules too.

        Unlike `git archive` it leaves nothing out that an attribute says so of. A submodule that is
        not there, or does not have the commit, stays empty.
        """
        folder.mkdir(parents=True)
        env = {**os.environ, "GIT_INDEX_FILE": f"{folder}.index"}
        self._done("read-tree", "--no-sparse-checkout", commit, env=env)
        listed = self._done("ls-files", "--stage", "-z", "--", *map(str, paths), env=env)
        entries = [entry.partition("\t")[::2] for entry in listed.split("\0") if entry]
        if paths and not entries:
            raise GitopsError(f"{commit} has no {', '.join(map(str, paths))}")
        modules = {name: stage.split()[1] for stage, name in entries if stage.startswith(MODULE)}
        names = "".join(f"{name}\0" for _, name in entries if name not in modules)
        argv = ("checkout-index", "-q", "-z", "--stdin", f"--prefix={folder}/")
        self._done(*argv, env=env, stdin=names)
        for name, its_commit in modules.items():
            module = Clone(self.top / name)
            if (module.top / ".git").exists() and module._commit(its_commit):
                module._unpack(its_commit, folder / name)

    def path(self, file: Path) -> Path:
        """Return the path of a file below the top. Raises GitopsError if it is of another clone."""
        for folder in file.parents:
            if folder == self.top:
                return file.relative_to(self.top)
            if (folder / ".git").exists():
                break
        raise GitopsError(f"{file} is not in the clone {self.top}, but elsewhere: run this there")

    def is_dirty(self, file: Path) -> bool:
        """Tell whether a file has uncommitted changes, or is not committed at all."""
        # Whatever git is configured to leave out.
        argv = ("status", "--porcelain", "--untracked-files=all", "--ignored")
        return bool(self.git(*argv, "--", str(self.path(file))))

    def demand_clean(self) -> None:
        """Raise GitopsError if there are changes: what a tool writes must be the only change."""
        if changed := self.git("status", "--porcelain").splitlines():
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise GitopsError(f"commit or stash your changes first: {changed[0].split()[-1]}{more}")

    def versions(self, file: Path) -> Iterator[tuple[str, datetime, str]]:
        """Yield commit, time and text of a file for each commit that changed it, newest first.

        A change counts from the commit that merged it into the branch. The text is empty at one
        that removed the file.
        """
        path = self.path(file)
        argv = ("log", "--first-parent", "--format=%H %cI", "--", str(path))
        for line in self._git(*argv).stdout.splitlines():
            commit, at = line.split()
            found = self._git("show", f"{commit}:{path}")
            yield commit, datetime.fromisoformat(at), "" if found.returncode else found.stdout

    def head(self) -> tuple[str, datetime]:
        """Return the commit that is checked out, and its time. Raises GitopsError without one."""
        found = self._git("log", "--max-count=1", "--format=%H %cI").stdout.split()
        if not found:
            raise self._empty()
        return found[0], datetime.fromisoformat(found[1])

    def has_branch(self, name: str) -> bool:
        """Tell whether it has a branch of a name, of its own or of the remote `origin`."""
        places = ("refs/heads", "refs/remotes/origin")
        return any(self._commit(f"{place}/{name}") for place in places)

    def origin(self) -> str:
        """Return the URL of the remote `origin`, or an empty text."""
        return self._git("remote", "get-url", "origin").stdout.strip()

    def remotes(self) -> list[str]:
        """Return the URLs of all remotes; none if this is no clone, or without git."""
        try:
            found = self._git("config", "--get-regexp", r"^remote\..*\.url$").stdout
        except GitopsError:
            return []
        return [line.partition(" ")[2] for line in found.splitlines()]

    def is_shallow(self) -> bool:
        """Tell whether the clone has only a part of the history."""
        return self.git("rev-parse", "--is-shallow-repository") == "true"

    def demand_history(self, unknown: str) -> None:
        """Raise GitopsError if the clone is shallow; the message names what cannot be known."""
        if self.is_shallow():
            fetch = "git fetch --unshallow --tags"
            raise GitopsError(f"this clone is too shallow to know {unknown}: `{fetch}`")

    def between(self, old: str, new: str) -> list[dict[str, str]]:
        """Return commit, author and title of the commits between two, newest first.

        An empty list if one of them is not in this clone.
        """
        done = self._git("log", "--format=%H%x1f%an%x1f%s", "--end-of-options", f"{old}..{new}")
        lines = done.stdout.splitlines() if done.returncode == 0 else []
        return [dict(zip(COMMIT, line.split("\x1f"), strict=True)) for line in lines]

    def _defaults(self) -> Iterator[str]:
        """Yield what may be the default branch, the surest first."""
        heads = "--format=%(symref:short)", "refs/remotes/origin/HEAD", "refs/remotes/*/HEAD"
        yield from self._git("for-each-ref", *heads).stdout.split()
        configured = self._git("config", "--get", "init.defaultBranch").stdout.split()
        names = dict.fromkeys([*configured, *BRANCHES])
        yield from (f"origin/{name}" for name in names)
        yield from names
        # A clone of one branch only, whatever that is called.
        branches = self._git("for-each-ref", "--format=%(refname:short)", "refs/remotes/").stdout
        if len(only := branches.split()) == 1:
            yield from only

    def _empty(self) -> GitopsError:
        return GitopsError(f"{self.top}: nothing is committed yet")

    def _commit(self, revision: str) -> str:
        argv = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return self._git(*argv).stdout.strip()

    def _done(
        self, *argv: str, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> str:
        done = self._git(*argv, env=env, stdin=stdin)
        if done.returncode:
            command = next(word for word in argv if not word.startswith("-") and "=" not in word)
            raise programs.failure(done, f"git {command}")
        return done.stdout

    def _git(
        self, *argv: str, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> CompletedProcess[str]:
        missing = "https://git-scm.com"
        return programs.run([*GIT, *argv], cwd=self.top, env=env, stdin=stdin, missing=missing)


def remedy(revision: str, shallow: bool) -> str:
    """Return the git command that fetches a revision into a full or shallow clone."""
    remote, slash, branch = revision.partition("/")
    if remote == "origin" and slash and not re.search(r"[~^@:]", branch):
        depth = "--depth=1 " if shallow else ""
        return f"git fetch {depth}origin {branch}:refs/remotes/{revision}"
    return "git fetch --unshallow --tags" if shallow else "git fetch --tags"
