"""The request that the documents show for any CI: what a shell makes of it is a deployment."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template

import pytest
from flask.testing import FlaskClient

from tests.api.events.test_inbox import items

DOCUMENT = Path(__file__).parents[3] / "docs/events.md"
REQUEST = re.compile(
    r"```sh\ncurl [^\n]*\$LEDGER([^\s\"]+)[^`]* --data-binary @- <<EOF\n([^`]*)EOF\n```"
)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_one_request_is_enough_and_may_be_repeated(sqlite_client: FlaskClient, status: str) -> None:
    found = REQUEST.search(DOCUMENT.read_text())
    assert found is not None
    variables = {
        "VERSION": "1.4.2",
        "GIT_COMMIT": "9fceb02d0ae598e95dc970b74767f19372d61af8",
        "STARTED_AT": "2026-03-01T12:00:00Z",
        "BUILD_URL": "https://jenkins.example.com/job/Payments%20Team/job/checkout/4711/",
    }
    for state, answer in (("running", 201), (status, 200), (status, 200)):
        body = json.loads(Template(found[2]).substitute(variables, STATUS=state))
        assert sqlite_client.post(found[1], json=body).status_code == answer

    # The same build deploys something else.
    body = json.loads(
        Template(found[2].replace("checkout", "cart")).substitute(variables, STATUS=status)
    )
    assert sqlite_client.post(found[1], json=body).status_code == 201

    _, deployment = items(sqlite_client, "deployments")
    assert deployment["status"] == status
    assert (deployment["source"], deployment["version"]) == ("jenkins", "1.4.2")
