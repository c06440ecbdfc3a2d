"""What is counted of others: errors by who has judged them, mistakes by who finds them."""

from __future__ import annotations

from pathlib import Path

import yaml

from bench.planted import CHECK, KUSTOMIZE, NOTES, Tried, table
from bench.strangers import LIST, Stranger
from tests.gitops.mistakes import Mistake


def test_an_error_is_right_wrong_or_not_judged() -> None:
    found = {
        "overlays": ["a", "b"],
        "findings": [
            *({"severity": "error", "fingerprint": name} for name in ("a:1", "b:1", "c:1")),
            {"severity": "warning", "fingerprint": "d:1"},
        ],
    }
    stranger = Stranger("example/shop", "0123456789", right=["a:1"], wrong=["c:1", "gone:1"])
    assert stranger.row(found, 1.25) == ["example/shop", "0123456", 2, 1.2, 3, 1, 1, 1, 1, 0]


def test_the_list_names_each_repository_once_at_a_whole_commit() -> None:
    every = [Stranger(**each) for each in yaml.safe_load(LIST.read_text(encoding="utf-8"))]
    assert len({each.repository for each in every}) == len(every) >= 20
    assert all(len(each.commit) == 40 for each in every)


def test_mistakes_are_counted_by_kind_and_tool() -> None:
    one, other = (Mistake(kind, Path("a.yaml"), 1, "", "") for kind in ("image name", "probe port"))
    tried = [
        Tried("shop", one, frozenset({CHECK, NOTES})),
        Tried("shop", one, frozenset({NOTES})),
        Tried("shop", other, frozenset({CHECK, NOTES, KUSTOMIZE})),
    ]
    assert list(table(tried))[2:] == [
        "| image name | 2 | 1 | 2 | 0 | 0 | 0 |",
        "| probe port | 1 | 1 | 1 | 1 | 0 | 0 |",
        "| **all** | 3 | 2 | 3 | 1 | 0 | 0 |",
    ]
