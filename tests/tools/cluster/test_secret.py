import io
import json
from pathlib import Path

import pytest

from tests.tools.conftest import FakeKubectl
from tools.cluster import secret
from tools.cluster.kube import Kube
from tools.command import ToolError


def run(monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    monkeypatch.setattr("sys.argv", ["secret", *argv])
    secret.main()


def created(kubectl: FakeKubectl) -> list[dict[str, object]]:
    return [json.loads(call["stdin"]) for call in kubectl.called("create --filename -")]


def test_a_random_password_and_token_are_made_and_shown_nowhere(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--env", "dev")
    run(monkeypatch, "--env", "dev")
    said = capfd.readouterr()
    made = created(kubectl)
    names = [each["metadata"]["name"] for each in made]  # type: ignore[index]
    assert names == ["slipway-database", "slipway-admin"] * 2
    data: list[dict[str, str]] = [each["stringData"] for each in made]  # type: ignore[misc]
    assert [each.pop("username", None) for each in data] == ["slipway", None] * 2
    assert [list(each) for each in data] == [["password"], ["token"]] * 2
    values = {value for each in data for value in each.values()}
    assert len(values) == 4
    for value in values:
        assert len(value) >= 32
        assert value not in said.out + said.err
        assert not any(value in word for call in kubectl.calls for word in call["argv"])


def test_it_says_how_to_read_the_admin_token(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--env", "staging")
    assert capsys.readouterr().out.splitlines()[-1] == (
        "the admin token: kubectl --namespace slipway-staging get secret slipway-admin"
        " --output go-template='{{.data.token | base64decode}}'"
    )
    kubectl.answer("get --output json secret slipway-admin", '{"data": {"token": "aHVudGVyMg=="}}')
    assert secret.admin_token(Kube("laptop"), "slipway-staging") == "hunter2"


def test_the_namespace_is_made_first_as_the_overlay_has_it(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "--env", "staging")
    applied = json.loads(kubectl.called("apply --filename -")[0]["stdin"])
    assert (applied["kind"], applied["metadata"]["name"]) == ("Namespace", "slipway-staging")
    assert applied["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert created(kubectl)[0]["metadata"] == {
        "name": "slipway-database",
        "namespace": "slipway-staging",
    }


def test_an_existing_secret_is_left_as_it_is(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl.answer("get secret slipway-database", "secret/slipway-database\n")
    run(monkeypatch, "--env", "dev")
    (made,) = created(kubectl)
    assert made["metadata"] == {"name": "slipway-admin", "namespace": "slipway-dev"}
    said = capsys.readouterr().out
    assert "secret slipway-database: already exists in slipway-dev, not changed" in said
    assert "secret slipway-admin: created in slipway-dev" in said


@pytest.mark.parametrize("source", ["file", "-"])
def test_a_given_password_is_taken_without_its_final_newline(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    path = tmp_path / "password"
    path.write_text("correct horse\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    run(monkeypatch, "--env", "dev", "--password-file", str(path) if source == "file" else "-")
    made = created(kubectl)[0]["stringData"]
    assert made == {"username": "slipway", "password": "correct horse"}


def test_a_password_that_cannot_be_had_changes_nothing(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ToolError, match="cannot read the password from"):
        run(monkeypatch, "--env", "dev", "--password-file", str(tmp_path / "absent"))
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    with pytest.raises(ToolError, match="is empty"):
        run(monkeypatch, "--env", "dev", "--password-file", str(tmp_path / "empty"))
    assert kubectl.calls == []


def test_an_unknown_environment_is_a_usage_error(
    kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "--env", "moon")
    assert exit_.value.code == 2
    assert kubectl.calls == []
