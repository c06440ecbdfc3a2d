"""The limit of any service: the same rows, written by PostgreSQL's own client."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

from tests.postgresql import Server
from tools.command import ToolError, say

# The row of a report, whose id begins with the time, as those of the service do.
SCRIPT = """
INSERT INTO deployments (id, service_id, environment_id, version, kind, status, started_at,
    finished_at, created_at, links, source, external_id)
VALUES (
    (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
        || substr(md5(random()::text), 1, 20))::uuid,
    :service, :environment, '1.4.2', 'rollout', 'succeeded', now(), now(), now(), '[]', 'pgbench',
    md5(random()::text))
ON CONFLICT (source, external_id) DO NOTHING;
"""


def rates(server: Server, place: dict[str, Any], clients: int, seconds: float) -> list[float]:
    """Return the inserts a second, all of them on the disk; none without pgbench."""
    program = server.programs / "pgbench"
    if not program.exists() and shutil.which("pgbench") is None:
        say("pgbench is not installed: the limit of inserts is left out")
        return []
    database = str(place["DATABASE_NAME"])
    with server.connect(database) as connection:
        names = ("services", "environments")
        found = [
            connection.execute(f"SELECT id FROM {name} ORDER BY name LIMIT 1").fetchone()  # noqa: S608
            for name in names
        ]
    (service,), (environment,) = (row for row in found if row)
    script = server.folder / "insert.sql"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [
            *(
                str(program) if program.exists() else "pgbench",
                "--no-vacuum",
                "--protocol=prepared",
            ),
            *("--file", script, f"--client={clients}", f"--time={max(1, round(seconds))}"),
            *("-D", f"service={service}", "-D", f"environment={environment}"),
            *("--host", server.folder, "--username=slipway", database),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise ToolError(done.stderr)
    # Nothing if the machine was so busy that not one insert was in time.
    return [float(tps) for tps in re.findall(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)]
