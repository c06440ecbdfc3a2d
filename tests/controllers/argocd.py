"""Argo CD on the current cluster: `k8s/argocd`, applied and removed again."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.controllers.waiting import until
from tools import overlay
from tools.cluster.kube import Kube

FOLDER = Path("k8s/argocd")
SCOPE = ("--namespace", "argocd")
SETTINGS = ("configmap", "argocd-notifications-cm", *SCOPE)
SECRET = ("secret", "argocd-notifications-secret", *SCOPE)


def is_there(kube: Kube) -> bool:
    """Say whether the cluster has an Argo CD with all that this folder needs."""
    kinds = ("applications", "applicationsets", "appprojects")
    names = [f"crd/{kind}.argoproj.io" for kind in kinds]
    found = kube.run("get", *names, "--ignore-not-found", "--output", "name")
    settings = kube.run("get", *SETTINGS, "--ignore-not-found", "--output", "name")
    return len(found.split()) == len(kinds) and bool(settings.strip())


@dataclass
class ArgoCD:
    """What a person does with Argo CD, and sees of it."""

    kube: Kube
    repository: str
    ledger: str
    token: str
    before: dict[str, str] | None = field(default=None, init=False)

    def apply(self) -> None:
        """Apply the folder with the addresses of this run, as its README says."""
        self.before = self.kube.get(*SETTINGS).get("data")
        told = {"stringData": {"slipway-authorization": f"Bearer {self.token}"}}
        self._patch(SECRET, told)
        self.kube.run("apply", "--filename", "-", stdin=self.manifests())

    def manifests(self) -> str:
        """Return the folder's objects; only the two addresses are others."""
        text = overlay.render(FOLDER)
        project = overlay.find(overlay.objects(text), "AppProject")
        (written,) = project["spec"]["sourceRepos"]
        text = text.replace(written, self.repository)
        text, count = re.subn(r"(?<=\burl: )https://\S+$", self.ledger, text, flags=re.MULTILINE)
        assert count == 1
        return text

    def remove(self) -> None:
        """Remove what was applied; what it deployed stays, as the ApplicationSet says."""
        self.kube.run("delete", "applicationset", "slipway", *SCOPE, "--ignore-not-found")
        names = [f"slipway-{env}" for env in overlay.environments()]
        self.kube.run("delete", "application", *names, *SCOPE, "--ignore-not-found")
        self.kube.run("delete", "appproject", "slipway", *SCOPE, "--ignore-not-found")
        self._patch(SECRET, {"data": {"slipway-authorization": None}})
        added = self.kube.get(*SETTINGS).get("data") or {}
        self._patch(SETTINGS, {"data": dict.fromkeys(added) | (self.before or {})})

    def exists(self, env: str) -> bool:
        found = self.kube.run("get", "application", f"slipway-{env}", *SCOPE, "--ignore-not-found")
        return bool(found.strip())

    def application(self, env: str) -> dict[str, Any]:
        return self.kube.get("application", f"slipway-{env}", *SCOPE)

    def await_state(self, env: str, sync: str, health: str | None, seconds: float) -> float:
        """Wait until an Application is in a state, and return the seconds it took."""

        def reached() -> bool:
            status = self.application(env).get("status", {})
            seen = status.get("sync", {}).get("status"), status.get("health", {}).get("status")
            assert seen == (sync, health or seen[1])
            return True

        return until(f"slipway-{env} is {sync} and {health or 'anything'}", reached, seconds)

    def give_address(self, env: str) -> None:
        """Publish an address for the Ingress, where the cluster has no load balancer to have one.

        Argo CD takes an Ingress without an address for one that is still being made.
        """
        ingress = ("ingress", overlay.NAME, "--namespace", f"slipway-{env}")
        find = ("get", *ingress, "--ignore-not-found", "--output", "name")
        until(f"{env} has an Ingress", lambda: self.kube.run(*find), 60)
        status = {"status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}}
        self._patch((*ingress, "--subresource", "status"), status)

    def refresh(self) -> None:
        """Have git looked at now, as a webhook of the repository does."""
        now = "argocd.argoproj.io/refresh=normal"
        for env in overlay.environments():
            self.kube.run("annotate", "application", f"slipway-{env}", *SCOPE, now, "--overwrite")

    def sync(
        self, env: str, person: str, revision: str | None = None, only: str | None = None
    ) -> None:
        """Sync as a person does, to what git says or to a revision that was there before.

        All of it, or what is of one kind in the group "".
        """
        application = self.application(env)
        policy = application["spec"]["syncPolicy"]
        some = {"resources": [{"kind": only, "name": overlay.NAME}]} if only else {}
        self._patch(
            ("application", f"slipway-{env}", *SCOPE),
            {
                "operation": {
                    "initiatedBy": {"username": person},
                    "retry": policy["retry"],
                    "sync": {
                        "revision": revision or application["status"]["sync"]["revision"],
                        "prune": True,
                        "syncOptions": policy["syncOptions"],
                        **some,
                    },
                }
            },
        )

    def _patch(self, what: tuple[str, ...], patch: dict[str, Any]) -> None:
        self.kube.run("patch", *what, "--type", "merge", "--patch", json.dumps(patch))
