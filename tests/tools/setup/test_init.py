"""A fork becomes a team's own repository, in a clone of this one as it stands in the work tree."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clone import commit, copy, git
from tools import overlay, project
from tools.command import ROOT, ToolError
from tools.setup import doctor, init

OWNER, HOST = "Acme-Shop", "ledger.acme.org"
DATABASE = "SLIPWAY_DATABASE_HOST"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that is upstream's, whosever the one is that these tests run in."""
    folder = copy(tmp_path_factory.mktemp("upstream") / "clone")
    init.init(folder, project.UPSTREAM, "slipway.example.com")
    commit(folder)
    return folder


@pytest.fixture
def clone(upstream: Path, tmp_path: Path) -> Path:
    return shutil.copytree(upstream, tmp_path / "clone", symlinks=True)


def texts(root: Path) -> dict[str, bytes]:
    names = git(root, "ls-files").splitlines()
    return {name: (root / name).read_bytes() for name in names}


def changed(root: Path) -> set[str]:
    return set(git(root, "diff", "--name-only").splitlines())


def test_a_fork_ships_its_own_image_under_its_own_names(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init.init(clone, OWNER, HOST)
    assert project.owner(clone) == "acme-shop"
    assert project.hosts(clone) == {
        "dev": "ledger.localhost",
        "staging": "ledger.staging.acme.org",
        "prod": HOST,
    }
    for env in ("dev", "staging", "prod"):
        among = overlay.objects(overlay.render(clone / overlay.OVERLAYS / env))
        assert overlay.image_name(among) == "ghcr.io/acme-shop/slipway"
        assert overlay.host(among) == project.hosts(clone)[env]
    tls = overlay.find(among, "Ingress")["spec"]["tls"]
    assert tls[0]["hosts"] == [HOST]
    said = capsys.readouterr().out
    assert "k8s/overlays/prod/host.yaml: value: slipway.example.com -> value: " + HOST in said
    assert {line.partition(":")[0] for line in said.splitlines()} == changed(clone)


def test_nothing_that_is_published_or_pulled_is_upstream_s_any_more(clone: Path) -> None:
    init.init(clone, OWNER, HOST)
    commit(clone)
    left = git(clone, "grep", "-lE", r"(ghcr\.io|github\.com)/slipway/slipway")

    mine = {name for name in left.splitlines() if not name.startswith("tests/")}
    assert mine <= {*init.EXAMPLES, "tools/setup/init.py"}
    assert (
        f'image.source="https://github.com/{OWNER}/slipway"' in (clone / "Dockerfile").read_text()
    )


def test_saying_the_same_again_changes_nothing_committed_or_not(clone: Path) -> None:
    assert init.init(clone, OWNER, HOST)
    once = texts(clone)
    assert init.init(clone, OWNER, HOST) == 0
    commit(clone)
    assert init.init(clone, OWNER, HOST) == 0
    assert texts(clone) == once


def test_another_owner_and_host_may_follow(clone: Path) -> None:
    before = texts(clone)
    init.init(clone, OWNER, HOST)
    commit(clone)
    init.init(clone, project.UPSTREAM, "slipway.example.com")
    assert texts(clone) == before


def test_owner_and_host_are_set_one_at_a_time_too(clone: Path) -> None:
    init.init(clone, None, HOST)
    assert project.owner(clone) == project.UPSTREAM
    commit(clone)
    init.init(clone, "acme", None)
    assert project.hosts(clone)["prod"] == HOST
    assert "k8s/overlays/prod/host.yaml" not in changed(clone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image: ghcr.io/slipway/slipway:1", "image: ghcr.io/acme-shop/slipway:1"),
        ("https://github.com/Slipway/slipway.git", "https://github.com/Acme-Shop/slipway.git"),
        ("git@github.com:slipway/slipway", "git@github.com:Acme-Shop/slipway"),
        ("ghcr.io/slipway/slipway-tools", "ghcr.io/acme-shop/slipway-tools"),
        ("ghcr.io/other/slipway github.com/slipway/x", None),
        ("xghcr.io/slipway/slipway slipway/slipway", None),
        ("* @slipway/team", None),
    ],
)
def test_only_names_that_belong_to_the_owner_are_changed(text: str, expected: str | None) -> None:
    assert init.owned("slipway", OWNER)("README.md", text) == (expected or text)


def test_code_owners_are_the_owner_and_its_teams() -> None:
    text = "* @slipway\nk8s/ @slipway/platform @slipwayer x@slipway.org\n"
    expected = "* @Acme-Shop\nk8s/ @Acme-Shop/platform @slipwayer x@slipway.org\n"
    assert init.owned("slipway", OWNER)(".github/CODEOWNERS", text) == expected


def test_a_host_is_changed_as_a_whole_in_manifests_only() -> None:
    old = {"staging": "a.staging.b.org", "prod": "a.b.org"}
    rewrite = init.hosted(old, {"staging": "x.org", "prod": "y.a.b.org"})
    text = "a.staging.b.org https://a.b.org/ a.b.org.uk db-a.b.org z.a.b.org at a.b.org.\n"
    expected = "x.org https://y.a.b.org/ a.b.org.uk db-a.b.org z.a.b.org at y.a.b.org.\n"
    assert rewrite("k8s/x.yaml", text) == expected
    assert rewrite("docs/gitops.md", text) == text


@pytest.mark.parametrize("owner", ["a b", "-acme", "acme-", "a--b", "x" * 40, "acme/slipway", ""])
def test_a_name_that_github_would_refuse_is_refused(tmp_path: Path, owner: str) -> None:
    with pytest.raises(ToolError, match="not a valid name of a GitHub user or organisation"):
        init.init(tmp_path, owner, None)


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "A.org", "https://a.org", "a_b.org", ""])
def test_what_is_no_host_name_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(ToolError, match="is not a host name"):
        init.init(tmp_path, None, host)


def test_a_clone_with_changes_is_left_alone(clone: Path) -> None:
    (clone / "README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(ToolError, match=r"commit or stash your changes first: README\.md"):
        init.init(clone, OWNER, HOST)
    assert changed(clone) == {"README.md"}


def test_the_manifests_of_a_fork_are_valid(clone: Path) -> None:
    """As `make validate` says, with the programs of this clone."""
    init.init(clone, OWNER, HOST)
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-m", "gitops", "check", "k8s"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_that_read_owners_and_hosts_pass_in_a_fork(clone: Path) -> None:
    init.init(clone, OWNER, HOST)
    commit(clone)
    files = ("workflows/test_policies.py", "k8s/test_gateway.py", "k8s/test_overlays.py")
    pytest_of_this_clone = (
        ROOT / ".venv/bin/python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
    )
    done = subprocess.run(
        [*pytest_of_this_clone, *(f"tests/{file}" for file in files)],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def steps(root: Path) -> list[str]:
    return [str(step) for step in doctor.ownership(root)]


def test_the_doctor_names_what_init_has_not_done(clone: Path) -> None:
    (clone / doctor.CODE_OWNERS).parent.mkdir(exist_ok=True)
    (clone / doctor.CODE_OWNERS).write_text("* @slipway/team\n", encoding="utf-8")
    commit(clone)
    assert steps(clone) == [
        "image ghcr.io/slipway/slipway: belongs to upstream: make init OWNER=",
        "host of prod: slipway.example.com is a placeholder: make init HOST=",
        "host of staging: slipway.staging.example.com is a placeholder: make init HOST=",
        ".github/CODEOWNERS: asks @slipway for reviews: make init OWNER=",
    ]
    init.init(clone, OWNER, HOST)
    assert steps(clone) == []


def an_overlay(host: str, cidr: str, digest: str) -> list[overlay.Object]:
    to = [{"podSelector": {}}, {"ipBlock": {"cidr": cidr}}]
    pod = {"containers": [{"image": f"ghcr.io/acme/slipway:1@sha256:{64 * digest}"}]}
    return [
        {"kind": "ConfigMap", "metadata": {"name": "slipway"}, "data": {DATABASE: host}},
        {"kind": "NetworkPolicy", "spec": {"egress": [{"to": to}, {}]}, "metadata": {"name": "x"}},
        {"kind": "Deployment", "metadata": {"name": "slipway"}, "spec": {"template": pod}},
    ]


def test_the_doctor_names_what_an_overlay_lacks() -> None:
    lacking = an_overlay("slipway-prod.postgres.example.com", "10.0.0.0/8", "0")
    assert [str(step) for step in doctor.environment("prod", lacking)] == [
        "k8s/overlays/prod/kustomization.yaml: the database slipway-prod.postgres.example.com "
        f"is a placeholder: set {DATABASE}",
        "k8s/overlays/prod/networkpolicy.yaml: egress to the database is open to 10.0.0.0/8: "
        "name its subnet",
        "k8s/overlays/prod/release: no release is promoted yet: make promote",
    ]
    whole = an_overlay("db.acme.org", "10.4.16.0/24", "1")
    assert [*doctor.environment("prod", whole)] == []


def test_the_doctor_names_the_ledger_that_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEDGER_URL", "LEDGER_TOKEN", "LEDGER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert [step.place for step in doctor.ledger()] == ["LEDGER_URL", "LEDGER_TOKEN"]
    monkeypatch.setenv("LEDGER_URL", "https://ledger.acme.org")
    monkeypatch.setenv("LEDGER_TOKEN_FILE", "token")
    assert [*doctor.ledger()] == []
