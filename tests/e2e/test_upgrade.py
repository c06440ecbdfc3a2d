"""Every overlay on the current cluster, from the release before to this tree and back, under load.

The release before is the previous tag, or the first commit that had manifests; its image is built
from its own tree. Staging and prod are set up with it and removed. Dev, which `make deploy` made,
goes back to it first, and is left as it was found with all that is recorded in it.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gitops.objects import without_hash
from gitops.revision import Clone
from tests.e2e.environment import Environment
from tests.e2e.images import Images
from tests.e2e.load import Load
from tools import overlay
from tools.cluster.deploy import LOCAL
from tools.cluster.kube import Kube
from tools.cluster.probe import INGRESS
from tools.cluster.prune import APPLIED, OF_CLUSTER, configmaps, is_of
from tools.command import ROOT, ToolError

GAP = r" 503: | 404: b'404 page not found"
REQUESTS = 40  # before and after each change, so that each release writes on its own


@dataclass(frozen=True)
class Release:
    """An image, and the manifests of a git revision or of the working tree."""

    digest: str
    revision: str | None = None


@dataclass(frozen=True)
class Change:
    """What a change of release under load did."""

    load: Load
    seconds: float
    pruned: int


def previous() -> str:
    """Return the newest tag before this commit, or the first commit that can be deployed."""
    clone = Clone(ROOT)
    clone.demand_history("the release before this one")
    try:
        return clone.git("describe", "--tags", "--abbrev=0", "HEAD^")
    except ToolError:  # there is no tag yet
        added = ("--diff-filter=A", "--", "k8s/base/kustomization.yaml")
        return clone.git("log", "--format=%H", *added).splitlines()[-1]


@pytest.fixture(scope="module")
def old(images: Images) -> Release:
    revision = previous()
    return Release(images.built_from(revision), revision)


@pytest.fixture(scope="module")
def new(digest: str) -> Release:
    return Release(digest)


@pytest.fixture(params=["dev", "staging", "prod"])
def environment(
    request: pytest.FixtureRequest, kube: Kube, images: Images, old: Release, new: Release
) -> Iterator[Environment]:
    """Return an environment that runs the release before."""
    url = os.environ.get("INGRESS_URL") or INGRESS
    environment = Environment(kube, request.param, images.name, url)
    if request.param != LOCAL and environment.exists():
        pytest.fail(f"{environment.namespace} is there already: it is not ours to test in")
    try:
        environment.set_up()
        environment.must_deploy(old.digest, revision=old.revision)
        environment.await_pods(*environment.sizes, seconds=120)
        environment.ingress.get("/readyz")
        yield environment
    finally:
        if request.param == LOCAL:
            environment.must_deploy(new.digest)
        else:
            environment.remove()


def change(environment: Environment, to: Release) -> Change:
    """Roll out a release while requests go on."""
    with environment.load(per_second=20) as load:
        load.reach(REQUESTS)
        started = time.monotonic()
        said = environment.must_deploy(to.digest, revision=to.revision)
        seconds = time.monotonic() - started
        load.reach(load.requests + REQUESTS)
    return Change(load, seconds, said.count('" deleted'))


def steady(each: overlay.Object) -> tuple[str, str]:
    """Return an object's kind and name, a ConfigMap's without the hash of its content."""
    kind, name = each["kind"], str(each["metadata"]["name"])
    return kind, without_hash(name) if kind == "ConfigMap" else name


def assert_exactly(environment: Environment, release: Release) -> None:
    """Compare all that was ever applied to the namespace, whatever its labels, with a release.

    What is the cluster's own counts as of the namespace that it is named after.
    """
    scope = ("api-resources", "--namespaced", "--verbs", "delete,list", "--output", "name")
    kinds = [*environment.kube.run(*scope).split(), *OF_CLUSTER]
    items = environment.kube.get(",".join(kinds), "--namespace", environment.namespace)["items"]
    found = [
        each
        for each in items
        if APPLIED in each["metadata"].get("annotations", {})
        and is_of(environment.namespace, each)
        and "ownerReferences" not in each["metadata"]
    ]
    wanted = [
        each for each in environment.objects_at(release.revision) if "namespace" in each["metadata"]
    ]
    assert {steady(each) for each in found} == {steady(each) for each in wanted}

    owners = [each for each in items if each["kind"] == "ReplicaSet"]
    used = {name for each in owners for name in configmaps(each["spec"]["template"])}
    names = {each["metadata"]["name"] for each in found if each["kind"] == "ConfigMap"}
    assert names == used, "a ConfigMap is kept as long as a revision of the Deployment needs it"


def restarts_database(environment: Environment, old: Release) -> bool:
    """Tell whether an overlay's own database, a single pod, differs between two releases."""
    if not environment.has_own_database:
        return False
    releases = (environment.objects_at(old.revision), environment.objects)
    before, after = (overlay.find(each, "StatefulSet", "postgres") for each in releases)
    return bool(before["spec"]["template"] != after["spec"]["template"])


def test_an_upgrade_and_the_way_back_fail_no_request_and_leave_and_lose_nothing(
    environment: Environment, old: Release, new: Release, report: list[str]
) -> None:
    assert_exactly(environment, old)
    changes: list[Change] = []
    for release in (new, old):
        changes.append(change(environment, release))
        assert_exactly(environment, release)
        stored = set().union(*(environment.stored(f"load-{n}") for n in range(Load.threads)))
        for each in changes:
            assert set(each.load.written) <= stored, "what was acknowledged is there"

    up, down = changes
    failures = [*up.load.failures, *down.load.failures]
    # A single PostgreSQL is not replaced without a gap, in which the API answers 503; when its only
    # pod is unready for that, the ingress controller knows no backend and answers 404.
    restarted = restarts_database(environment, old)
    gap = [each for each in failures if restarted and re.search(GAP, each)]
    report.append(
        f"{environment.name}: upgrade from {str(old.revision)[:12]} in {up.seconds:.0f} s, back in"
        f" {down.seconds:.0f} s: {up.load.requests + down.load.requests} requests,"
        f" {len(failures)} failed{f' ({len(gap)} as its database restarted)' if gap else ''};"
        f" {up.pruned} and {down.pruned} objects removed"
    )
    assert [each for each in failures if each not in gap] == []
