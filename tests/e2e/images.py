"""The image that was pushed, and others made from it: another release, and bad ones."""

import os
import subprocess
from dataclasses import dataclass
from functools import cache

from api.migrate import newest_revision
from tools.cluster.revision import unpacked

BROKEN_MIGRATION = f"""revision = "9999"
down_revision = "{newest_revision()}"
def upgrade():
    raise SystemExit("this migration is broken")
"""


@dataclass(frozen=True)
class Images:
    """Images in the registry; `pushed` is this machine's name, `name` the cluster's."""

    pushed: str
    name: str

    @cache  # noqa: B019 (one for the session)
    def other(self) -> str:
        """Return the digest of the same program as another release."""
        return self._push("other", 'LABEL org.opencontainers.image.version="other"')

    @cache  # noqa: B019
    def crash(self) -> str:
        """Return the digest of an image whose server ends at once."""
        return self._push("crash", 'CMD ["python", "-c", "raise SystemExit(3)"]')

    @cache  # noqa: B019
    def broken_migration(self) -> str:
        """Return the digest of an image whose newest migration fails."""
        code = BROKEN_MIGRATION.replace("\n", "\\n").replace('"', '\\"')
        path = "/app/api/migrations/versions/9999_broken.py"
        return self._push(
            "broken-migration", f'USER 0\nRUN printf "{code}" >{path}\nUSER 10001:10001'
        )

    def built_from(self, revision: str) -> str:
        """Return the digest of the image that a git revision's own tree makes."""
        with unpacked(revision) as folder:
            return self._push("previous", context=str(folder))

    def _push(self, tag: str, dockerfile: str = "", context: str = "-") -> str:
        repository = self.pushed.rpartition(":")[0]
        image = f"{repository}:e2e-{tag}"
        flags = os.environ.get("DOCKER_BUILD_FLAGS", "").split()
        stdin = f"FROM {self.pushed}\n{dockerfile}\n" if context == "-" else None
        _docker("build", *flags, "--tag", image, context, stdin=stdin)
        _docker("push", image)
        digests = _docker("image", "inspect", "--format", '{{join .RepoDigests " "}}', image)
        return next(
            each.partition("@")[2] for each in digests.split() if each.startswith(f"{repository}@")
        )


def _docker(*args: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        ["docker", *args],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
