"""A result of the benchmark with made-up figures, as small as one can be."""

from __future__ import annotations

from typing import Any

from bench.questions import LISTS, PENDING, SUMS
from bench.requests import ROUTES

SMALL, LARGE = 100, 1_000


def made() -> dict[str, Any]:
    """Return a result in which whoever is asked takes the same time."""
    took = {"seconds": [0.5], "cpu_s": [0.4]}
    return {
        "base": "725b562e1",
        "revision": "0123456ab",
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "memory_gib": 8,
            "kernel": "6.1",
            "load": 0.1,
            "python": "3.13.0",
            "postgresql": "15.1",
            "packages": {"flask": "3.1.3"},
            "peer": {"fastapi": "0.165.0"},
        },
        "quick": False,
        "sizes": [SMALL, LARGE],
        "compared": LARGE,
        "rounds": 1,
        "minutes": 2.5,
        "importing": {"now": took, "base": took},
        "starting": {"now": took, "base": took},
        "served": [
            {
                "route": route.name,
                "contender": contender,
                "size": size,
                "statements": 2,
                "rate": [100.0],
                "cpu_ms": [4.0],
                **({"p50_ms": 5.0, "p99_ms": 9.0, "samples": 100} if route.paced else {}),
            }
            for route in ROUTES
            for contender, size in (
                ("now", SMALL),
                ("now", LARGE),
                ("base", LARGE),
                *([("peer", LARGE)] if route.peer else []),
            )
        ],
        "pgbench": {"1": [1000.0], "8": [2000.0]},
        "bulk": [],
        "resident_mib": {"now": 100.0, "base": 100.0, "peer": 80.0},
        "lists": _times(LISTS),
        "sums": _times(SUMS),
        "scans": [],
        "wide": {},
        "memory": [
            {"path": path, "before_mib": 80, "most_mib": 120, "cpu_s": 0.2}
            for path in [PENDING, *SUMS]
        ],
        "moving": {},
    }


def _times(paths: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "path": path,
            "database": database,
            "size": size,
            "median_ms": 8.0,
            "p95_ms": 12.0,
            "rounds": 1,
        }
        for path in paths
        for database in ("SQLite", "PostgreSQL")
        for size in (SMALL, LARGE)
    ]
