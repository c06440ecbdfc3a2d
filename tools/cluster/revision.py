"""The repository as it was at another git revision."""

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

from tools.command import ROOT, ToolError, complain, run
from tools.overlay import OVERLAYS

BUILD = Path(".build")


def _git(*args: str, root: Path | None = None) -> CompletedProcess[str]:
    return run(["git", "-C", root or ROOT, *args])


def commit(revision: str, root: Path | None = None) -> str:
    """Return the commit of a tag, branch or commit; ToolError when this clone has none."""
    argv = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    found = _git(*argv, root=root)
    if found.returncode == 0:
        return found.stdout.strip()
    shallow = _git("rev-parse", "--is-shallow-repository", root=root).stdout.strip() == "true"
    remedy = "git fetch --unshallow --tags" if shallow else "git fetch --tags"
    raise ToolError(f"this clone has no revision {revision!r}: `{remedy}` may bring it")


@contextmanager
def unpacked(revision: str, *paths: str | Path) -> Iterator[Path]:
    """Give a folder with the repository, or some paths of it, at a revision, until the block ends.

    It is under .build/, because a kustomization may refer to another only by a relative path.
    """
    sha = commit(revision)
    (ROOT / BUILD).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / BUILD, prefix="revision-") as name:
        archive, folder = Path(name, "archive.tar"), Path(name, "tree")
        done = _git("archive", "--output", str(archive), sha, *(str(path) for path in paths))
        if done.returncode:
            raise complain(done, f"git archive {revision}")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        yield folder


@contextmanager
def overlay_at(revision: str | None, env: str) -> Iterator[Path]:
    """Give an overlay's folder, as it is or at a revision; ToolError when that had none."""
    base = OVERLAYS / env
    if revision is None:
        yield ROOT / base
        return
    sha = commit(revision)
    if _git("cat-file", "-e", f"{sha}:{base}/kustomization.yaml").returncode:
        raise ToolError(f"the revision {revision} has no overlay {env}")
    with unpacked(sha, "k8s") as folder:
        yield folder / base
