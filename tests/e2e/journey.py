"""A team's repository and its ledger: what a pipeline does after each commit, and what is told."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops.environments import Environments
from gitops.pins import Pin
from gitops.releases import Release
from gitops.repository import Repository
from gitops.selection import choose
from tests.clone import commit, git
from tests.gitops.ledger import TOKEN, Served
from tools import overlay
from tools.cluster import rollout
from tools.cluster.kube import Kube
from tools.command import ROOT, ToolError

HOME = "https://git.example.com/acme/gitops"
# What the matrix says of a cell, which may not be there, and what `gitops status` says.
States = tuple[str | None, str]


@dataclass(frozen=True)
class Journey:
    """A scratch clone of this tree, the current cluster, and a ledger that is told of both."""

    kube: Kube
    ledger: Served
    root: Path

    @classmethod
    def begin(cls, kube: Kube, ledger: Served, root: Path, image: str) -> "Journey":
        """Make a repository of this tree's overlays, for an image in the cluster's registry."""
        shutil.copytree(ROOT / "k8s", root / "k8s")
        for folder in (root / "k8s/overlays").iterdir():
            release = folder / "release/kustomization.yaml"
            named = re.sub(
                r"( +)- name: .*\n", rf"\g<0>\1  newName: {image}\n", release.read_text()
            )
            release.write_text(named)
            # As in environment.py, a PostgreSQL beside it is in place of a managed one.
            settings = folder / "kustomization.yaml"
            host = f"postgres.slipway-{folder.name}-database.svc.cluster.local"
            text = re.sub(r"(DATABASE_HOST)=\S+", rf"\1={host}", settings.read_text())
            settings.write_text(text.replace("SSLMODE=require", "SSLMODE=disable"))
        # No pipeline signs these images: test_release.py has what a signature is good for.
        config = root / "k8s/gitops.yaml"
        config.write_text(re.sub(r" +cosign-.*\n", "", config.read_text()))
        git(root, "init", "--quiet", "--initial-branch", "main")
        return cls(kube, ledger, root)

    def pinned(self, environment: str) -> Pin:
        """Return where an overlay pins its release."""
        return choose(Environments.find(Repository.open(self.root / "k8s")), environment, None)

    def pin(self, environment: str, version: str, digest: str) -> None:
        """Write another release where an overlay pins it, as a pipeline does after a build."""
        found = self.pinned(environment)
        found.file.write_text(found.with_release(Release(version, digest)), encoding="utf-8")

    def merge(self) -> None:
        """Commit what has changed, and declare it."""
        time.sleep(1)  # git's times are whole seconds: this commit is later than what was before
        commit(self.root)
        self.gitops("declare", "--repository", HOME)

    def gitops(self, command: str, *options: str, ends: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run a command of gitops on the clone, which ends so; return its document."""
        argv = [sys.executable, "-m", "gitops", command, str(self.root / "k8s"), *options]
        environment = {**os.environ, "LEDGER_URL": self.ledger.url, "LEDGER_TOKEN": TOKEN}
        done = subprocess.run(
            [*argv, "--json"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in ends, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def apply(self, environment: str) -> dict[str, Any]:
        """Apply an overlay, and report that; return the deployment, which is running."""
        folder = self.root / "k8s/overlays" / environment
        found = self.pinned(environment).release
        self.kube.run("apply", "--kustomize", str(folder))
        return self.ledger.send(
            "POST",
            "deployments",
            service=overlay.NAME,
            environment=environment,
            version=found.tag,
            image_digest=found.digest,
            commit=git(self.root, "rev-parse", "HEAD"),
            config_revision=git(self.root, "rev-parse", "HEAD"),
            status="running",
        )

    def finish(self, deployment: dict[str, Any]) -> dict[str, Any]:
        """Wait for a rollout, and report how it ended; return the deployment."""
        status = "succeeded"
        try:
            namespace = overlay.namespace(deployment["environment"])
            rollout.wait(self.kube, namespace, f"deployment/{overlay.NAME}", 180)
        except ToolError:
            status = "failed"
        return self.ledger.send("PATCH", f"deployments/{deployment['id']}", status=status)

    def states(self) -> dict[str, States]:
        """Return what the matrix and `gitops status` say of each environment."""
        cells = self.ledger.send("GET", "matrix")["cells"]
        known = {cell["environment"]: cell["state"] for cell in cells}
        rows = self.gitops("status", "--context", self.kube.context, ends=(0, 1))["images"]
        return {row["environment"]: (known.get(row["environment"]), row["state"]) for row in rows}
