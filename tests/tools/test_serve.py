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
