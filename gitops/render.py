"""Many renderings by one process of the renderer."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from gitops import programs
from gitops.cache import Cache, program_digest
from gitops.errors import GitopsError
from gitops.jobs import Answer, Job
from gitops.renderings import Renderings


class Renderer(AbstractContextManager["Renderer"]):
    """The renderer's process; it starts with the first job and ends with the context.

    With a cache, what earlier runs have rendered from the same files is not rendered again. Nothing
    is fetched unless the network is asked for; then nothing is kept, as what is fetched may change.
    """

    def __init__(self, cache: Cache | None = None, *, network: bool = False) -> None:
        self._cache = None if network else cache
        self._network = network
        self._rendering = threading.Lock()
        self._renderings: Renderings | None = None
        self._objects: dict[str, dict[str, Any]] = {}  # by their digests
        self._process: subprocess.Popen[str] | None = None
        # Kustomize warns of the same again with each rendering.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - until exit

    def render(self, jobs: Iterable[Job]) -> list[Answer]:
        """Render in parallel; the answers are in the order of the jobs."""
        every = list(jobs)
        with self._rendering:
            return self._answered(every)

    def _answered(self, every: list[Job]) -> list[Answer]:
        found: list[Answer | None] = [self._known(job) for job in every]
        asked = [job for job, answer in zip(every, found, strict=True) if answer is None]
        made = iter(self._render(asked) if asked else [])
        return [answer or next(made) for answer in found]

    def _known(self, job: Job) -> Answer | None:
        if self._cache is None or not job.is_kept:
            return None
        if self._renderings is None:
            version = program_digest(programs.find("renderer"))
            self._renderings = Renderings(self._cache, version)
        kept = self._renderings.get(job)
        if kept is None:
            return None
        its_digest, objects = kept
        pairs = json.loads(objects) if objects else []
        return Answer("", tuple(self._objects.setdefault(*pair) for pair in pairs), its_digest)

    def _render(self, asked: list[Job]) -> list[Answer]:
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
            number: int = answer["id"]
            self._objects |= answer.get("new", {})
            pairs = [(its, self._objects[its]) for its in answer.get("objects", ())]
            result = answers[number] = Answer(
                answer.get("yaml", ""),
                tuple(data for _, data in pairs),
                answer.get("digest", ""),
                answer.get("error", ""),
            )
            if self._renderings and answer.get("seen") and asked[number].is_kept:
                objects = json.dumps(pairs, separators=(",", ":")) if pairs else ""
                self._renderings.put(asked[number], result.digest, objects, answer["seen"])
        writing.join()
        return [answer for answer in answers if answer is not None]

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [programs.find("renderer"), *["--network"] * self._network],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
            )
        return self._process

    def _write(self, process: subprocess.Popen[str], jobs: list[Job]) -> None:
        assert process.stdin  # noqa: S101 - a pipe was asked for
        try:
            for number, job in enumerate(jobs):
                asked = {
                    "id": number,
                    "path": str(job.folder),
                    "files": job.replaced,
                    "want": job.want + ["seen"] * (self._cache is not None),
                    "unrestricted": job.options.unrestricted,
                    "helm": (programs.locate("helm") or "") if job.options.helm else "",
                    "kubeVersion": job.options.kube_version,
                    "plugins": job.options.plugins,
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
        """End the process, and keep what it has rendered."""
        if self._renderings is not None:
            self._renderings.save()
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._errors.close()
