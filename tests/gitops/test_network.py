"""Nothing is fetched unless that is asked for, whatever a kustomization names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gitops.jobs import Job
from gitops.render import Renderer
from tests.gitops.test_cases import written

POD = "{apiVersion: v1, kind: Pod, metadata: {name: shop}}\n"
TARGET = "target: {kind: Pod, version: v1, name: shop}"
# What kustomize fetches, by the field that names it.
FETCHED = {
    "a resource": "resources: [URL/a.yaml]",
    "a base": "resources: [URL/a.git]",
    "a base that git fetches": "resources: ['URL/a/b//c?ref=main']",
    "a component": "components: [URL/a.git]",
    "a patch": f"patches: [{{path: URL/a.yaml, {TARGET}}}]",
    "a strategic-merge patch": "patchesStrategicMerge: [URL/a.yaml]",
    "a JSON patch": f"patchesJson6902: [{{path: URL/a.yaml, {TARGET}}}]",
    "a replacement": "replacements: [{path: URL/a.yaml}]",
    "a transformer": "transformers: [URL/a.yaml]",
    "a generator": "generators: [URL/a.yaml]",
    "a validator": "validators: [URL/a.yaml]",
    "a configuration": "configurations: [URL/a.yaml]",
    "a definition": "crds: [URL/a.yaml]",
    "a schema": "openapi: {path: URL/a.yaml}",
    "a file": "configMapGenerator: [{name: a, files: [a=URL/a.yaml]}]",
    "variables": "configMapGenerator: [{name: a, envs: [URL/a.yaml]}]",
}


@pytest.fixture(scope="module")
def requests() -> Iterator[tuple[str, list[str]]]:
    """Provide the URL of a server, and what is asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def jobs(root: Path, url: str) -> list[Job]:
    """Return a job for each field that names something to fetch."""
    for number, entry in enumerate(FETCHED.values()):
        own = "" if entry.startswith("resources") else "resources: [pod.yaml]\n"
        text = f"{own}{entry.replace('URL', url)}\n"
        written(root / str(number), {"kustomization.yaml": text, "pod.yaml": POD})
    return [Job(root / str(number)) for number, _ in enumerate(FETCHED)]


def test_nothing_is_fetched_without_the_network(
    tmp_path: Path, renderer: Renderer, requests: tuple[str, list[str]]
) -> None:
    url, asked = requests
    answers = renderer.render(jobs(tmp_path, url))
    assert asked == []
    fetched = dict(zip(FETCHED, answers, strict=True))
    assert [what for what, answer in fetched.items() if not answer.error] == []


def test_each_of_these_is_fetched_with_it(tmp_path: Path, requests: tuple[str, list[str]]) -> None:
    url, asked = requests
    every = jobs(tmp_path, url)
    with Renderer(network=True) as renderer:
        for what, job in zip(FETCHED, every, strict=True):
            asked.clear()
            renderer.render([job])
            assert asked, what
    asked.clear()
