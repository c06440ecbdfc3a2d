"""Many renderings by one process of the renderer."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from gitops import programs
from gitops.errors import GitopsError


@dataclass(frozen=True)
class Job:
    """A folder to render, with files that are read instead of those on disk."""

    folder: Path
    files: Mapping[Path, str] = field(default_factory=dict)
    digest: bool = False


@dataclass(frozen=True)
class Answer:
    """What a folder renders to: YAML and objects, or only their digest, or kustomize's error."""

    yaml: str = ""
    objects: tuple[dict[str, Any], ...] = ()
    digest: str = ""
    error: str = ""


class Renderer(AbstractContextManager["Renderer"]):
    """The renderer's process; it starts with the first job and ends with the context."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        # Kustomize warns of the same again with each rendering.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - until exit

    def render(self, jobs: Iterable[Job]) -> list[Answer]:
        """Render in parallel; the answers are in the order of the jobs."""
        asked = list(jobs)
        if not asked:
            return []
        process = self._start()
        writing = threading.Thread(target=self._write, args=(process, asked), daemon=True)
        writing.start()
        assert process.stdout  # noqa: S101 - a pipe was asked for
        answers: list[Answer | None] = [None] * len(asked)
        for _ in asked:
            line = process.stdout.readline()
            if not line:
                self._errors.seek(0)
                reason = self._errors.read().strip().rpartition("\n")[2]
                raise GitopsError(f"the renderer ended before it had answered: {reason}")
            answer = json.loads(line)
            answers[answer["id"]] = Answer(
                answer.get("yaml", ""),
                tuple(answer.get("objects") or ()),
                answer.get("digest", ""),
                answer.get("error", ""),
            )
        writing.join()
        return [answer for answer in answers if answer is not None]

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [programs.find("renderer")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
            )
        return self._process

    @staticmethod
    def _write(process: subprocess.Popen[str], jobs: list[Job]) -> None:
        assert process.stdin  # noqa: S101 - a pipe was asked for
        try:
            for number, job in enumerate(jobs):
                asked = {
                    "id": number,
                    "path": str(job.folder),
                    "files": {str(path): text for path, text in job.files.items()},
                    "digest": job.digest,
                    "objects": not job.digest,
                }
                process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # whoever reads the answers says so

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._errors.close()
