"""A git repository with this working tree, which Argo CD reads and the tests push to."""

import shutil
from pathlib import Path

import yaml

from tests import clone
from tools import overlay

BRANCH = "main"
OPTIONS = ("-c", "http.postBuffer=104857600")  # a simple server takes no push in chunks


class Repository:
    """A clone in a folder of its own; each change is a commit that is pushed."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def git(self, *args: str) -> str:
        return clone.git(self.folder, *OPTIONS, *args)

    def create(self) -> None:
        """Copy what git knows, or would, of the working tree; nothing is pushed yet."""
        clone.copy(self.folder, built=False)

    def push(self, message: str) -> str:
        """Commit all there is, push it, and return the commit."""
        clone.commit(self.folder, message)
        self.git("push", "--quiet", "--force", self.url, BRANCH)
        return self.git("rev-parse", "HEAD")

    def revert(self) -> str:
        """Revert the latest commit, push that, and return the commit."""
        self.git("revert", "--no-edit", "HEAD")
        self.git("push", "--quiet", self.url, BRANCH)
        return self.git("rev-parse", "HEAD")

    def release(self, env: str) -> Path:
        return self.folder / overlay.OVERLAYS / env / "release" / "kustomization.yaml"

    def pin(self, env: str, image_name: str, version: str, digest: str) -> None:
        """Write a release into an overlay, as a release or a promotion does."""
        kustomization = yaml.safe_load(self.release(env).read_text())
        (image,) = kustomization["images"]
        image |= {"newName": image_name, "newTag": version, "digest": digest}
        self.release(env).write_text(yaml.safe_dump(kustomization, sort_keys=False))

    def promote(self, source: str, target: str) -> None:
        """Copy a release from one overlay to the next."""
        shutil.copy(self.release(source), self.release(target))

    def set(self, env: str, **settings: str) -> None:
        """Give settings of an overlay another value."""
        path = self.folder / overlay.OVERLAYS / env / "kustomization.yaml"
        kustomization = yaml.safe_load(path.read_text())
        (generator,) = kustomization["configMapGenerator"]
        known = dict(each.split("=", 1) for each in generator["literals"])
        assert settings.keys() <= known.keys()
        generator["literals"] = [f"{key}={value}" for key, value in (known | settings).items()]
        path.write_text(yaml.safe_dump(kustomization, sort_keys=False))
