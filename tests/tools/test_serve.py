import pytest

from tools import serve

TOKEN = {serve.ADMIN_TOKEN: ".data/admin-token"}
READ = {"SLIPWAY_PUBLIC_READ": "true"}


@pytest.mark.parametrize(
    ("environment", "dotenv", "added"),
    [
        ({}, {}, TOKEN | READ),
        ({serve.ADMIN_TOKEN: "mine"}, {}, READ),
        ({serve.ADMIN_TOKEN: ""}, {}, TOKEN | READ),
        ({}, {"SLIPWAY_PUBLIC_READ": "false"}, TOKEN),
        ({"SLIPWAY_PUBLIC_READ": "false"}, {serve.ADMIN_TOKEN: "mine"}, {}),
    ],
    ids=["nothing set", "environment", "empty", "dotenv", "both"],
)
def test_what_the_environment_or_dotenv_sets_is_kept(
    environment: dict[str, str], dotenv: dict[str, str | None], added: dict[str, str]
) -> None:
    assert serve.defaults(environment, dotenv) == added


@pytest.mark.parametrize(
    ("added", "demo", "expected"),
    [
        (TOKEN, True, ["ledger migrate", "ledger demo", "tokens bootstrap .data/admin-token"]),
        ({}, True, ["ledger migrate", "ledger demo"]),
        (TOKEN, False, ["ledger migrate", "tokens bootstrap .data/admin-token"]),
    ],
)
def test_a_token_is_made_only_if_the_ledger_will_use_it(
    added: dict[str, str], demo: bool, expected: list[str]
) -> None:
    assert [" ".join(words) for words in serve.commands(added, demo=demo)] == expected


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1", "abc", ""])
def test_a_port_that_is_none_is_refused_before_anything_is_made(
    port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["serve", f"--port={port}"])
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a command ran"))

    with pytest.raises(SystemExit) as ended:
        serve.main()
    assert ended.value.code == 2
    assert "is not a port: 1 to 65535" in capsys.readouterr().err
    assert serve.port("8889") == 8889
