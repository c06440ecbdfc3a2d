"""A release goes from a commit through every environment, and a bad one comes back: each step is
applied with `kubectl apply -k`, and after each the ledger's matrix and `gitops status` are right.

It all happens in a scratch clone of this tree, with a ledger of its own. Staging and prod are set
up for it and removed; dev, which `make deploy` made, is left as it was found.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.environment import Environment
from tests.e2e.images import Images
from tests.e2e.journey import Journey
from tests.gitops.ledger import served
from tools.cluster.kube import Kube
from tools.cluster.probe import INGRESS

FREE = (None, "in-sync")  # nothing is declared there, and nothing runs
DECLARED = ("unknown", "unknown")
PENDING = ("pending", "pending")
IN_SYNC = ("in-sync", "in-sync")
DRIFTED = ("drifted", "drifted")


@pytest.fixture
def journey(kube: Kube, images: Images, tmp_path: Path) -> Iterator[Journey]:
    """Return a clone, with databases for staging and prod beside them."""
    url = os.environ.get("INGRESS_URL") or INGRESS
    upstream = [Environment(kube, name, images.name, url) for name in ("staging", "prod")]
    for each in upstream:
        if each.exists():
            pytest.fail(f"{each.namespace} is there already: it is not ours to test in")
    with ThreadPoolExecutor() as both, served(tmp_path / "admin-token", tmp_path) as ledger:
        try:
            list(both.map(Environment.set_up, upstream))
            yield Journey.begin(kube, ledger, tmp_path / "clone", images.name)
        finally:
            list(both.map(Environment.remove, upstream))


@pytest.mark.usefixtures("deploy")  # dev gets its own release back
def test_a_release_goes_from_a_commit_to_prod_and_a_bad_one_comes_back(
    journey: Journey, images: Images, digest: str, report: list[str]
) -> None:
    began = time.monotonic()
    took: list[float] = []

    def deployed(environment: str) -> str:
        """Deploy what is declared; return what became of it, and what kind it was."""
        started = time.monotonic()
        running = journey.apply(environment)
        assert journey.states()[environment] == PENDING
        ended = journey.finish(running)
        took.append(time.monotonic() - started)
        return f"{ended['status']} {ended['kind']}"

    # A commit: dev had the release before.
    journey.pin("dev", "1.0.0", digest)
    journey.merge()
    assert deployed("dev") == "succeeded rollout"
    assert journey.states() == {"dev": IN_SYNC, "staging": FREE, "prod": FREE}
    journey.pin("dev", "1.1.0", images.other())
    journey.merge()
    assert journey.states() == {"dev": PENDING, "staging": FREE, "prod": FREE}
    assert deployed("dev") == "succeeded rollout"
    assert journey.states() == {"dev": IN_SYNC, "staging": FREE, "prod": FREE}

    # Promoted to staging, which it may be only after a while.
    route = ("--from", "dev", "--to", "staging")
    (reason,) = journey.gitops("promote", *route, "--soak", "1h", ends=(1,))["refused"]
    assert "and needs 1 h" in reason
    time.sleep(1)  # a fast machine is here in less
    assert journey.gitops("promote", *route, "--soak", "1s")["changed"]
    journey.merge()
    assert journey.states() == {"dev": IN_SYNC, "staging": DECLARED, "prod": FREE}
    assert deployed("staging") == "succeeded rollout"
    assert journey.states() == {"dev": IN_SYNC, "staging": IN_SYNC, "prod": FREE}

    # Promoted to prod.
    time.sleep(1)
    assert journey.gitops("promote", "--from", "staging", "--to", "prod", "--soak", "1s")["changed"]
    journey.merge()
    assert journey.states() == {"dev": IN_SYNC, "staging": IN_SYNC, "prod": DECLARED}
    assert deployed("prod") == "succeeded rollout"
    good = dict.fromkeys(("dev", "staging", "prod"), IN_SYNC)
    assert journey.states() == good

    # A bad release, past all that: it never serves, and the one before goes on.
    journey.pin("prod", "1.2.0", images.crash())
    journey.merge()
    assert journey.states() == {**good, "prod": PENDING}
    assert deployed("prod") == "failed rollout"
    # It failed, though the cluster goes on trying.
    assert journey.states() == {**good, "prod": DRIFTED}

    # Back: the ledger saw that release succeed there; the cluster is still told the bad one.
    back = journey.gitops("rollback", "--env", "prod")
    assert (back["changed"], back["to"]) == (True, {"tag": "1.1.0", "digest": images.other()})
    journey.merge()
    assert journey.states() == {**good, "prod": ("in-sync", "pending")}
    assert deployed("prod") == "succeeded rollback"
    assert journey.states() == good
    *_, bad, good_again = took
    report.append(
        f"prod: commit, promotions, bad release (given up after {bad:.0f} s) and rollback"
        f" ({good_again:.0f} s): matrix and status right after every step,"
        f" {time.monotonic() - began:.0f} s"
    )
