"""What an overlay includes and cannot be rendered here, which is set aside: the rest is checked.

That is what must be fetched, programs that nobody allowed to run, charts without helm, and files
that are made before the build.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy as shallow
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes
from gitops.charts import GENERATOR, NETWORK, chart, charts
from gitops.config import Config
from gitops.errors import GitopsError
from gitops.kustomization import Kustomization, is_remote
from gitops.made import is_env, made, source
from gitops.named import PLUGINS, absolute, demands, named, sources
from gitops.nodes import Path_
from gitops.options import PLAIN, Options, Settings
from gitops.overlays import Aside, Copy, Overlay
from gitops.repository import Repository

RUN = "a program, which runs only with --build-options '--enable-alpha-plugins --enable-exec'"
FLUX = ".toolkit.fluxcd.io/"  # in the API versions of its objects
# What changes nothing, in the place of a patch and of a transformer: the others keep theirs.
NO_PATCH = '{patch: "[]", target: {kind: GitopsNothing}}'
NO_DOCUMENT = "# nothing\n"
NO_OPERATION = """{patch: '[{"op": "test", "path": "/kind", "value": "KIND"}]'}"""
NO_TRANSFORMER = "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: gitops-nothing}\n"
TEXT, LIST = "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq"


@dataclass(frozen=True)
class Left:
    """An entry that is set aside: its path, why, and what takes its place, if anything does."""

    path: Path_
    why: Aside
    place: Node | None = None


@dataclass(eq=False)
class Preparation:
    """Prepares the overlays of a repository, so that each renders with the options it needs."""

    repository: Repository
    settings: Settings
    _known: dict[tuple[Kustomization, Options], list[Left]] = field(default_factory=dict)

    def __call__(self, overlay: Overlay) -> Overlay:
        """Return an overlay with its options, and without what is set aside."""
        options = PLAIN
        if any(demands(part) for part in overlay.tree):
            options = self.settings.of(overlay.name, overlay.folder)
            # It is for Flux, whatever repository applies it: its controller has no restrictor.
            if any(FLUX in self.repository.text(part) for part in overlay.tree):
                options |= Options(unrestricted=True)
        files, aside = dict(overlay.files), list[Aside]()
        for part in overlay.tree:
            if found := self._left(part, options):
                aside += [left.why for left in found]
                text = files.get(part.source)
                own = part.node if text is None else nodes.compose(text, "")[0]
                files[part.source] = nodes.write([without(own, found)])
        return replace(overlay, files=files, options=options, aside=tuple(aside))

    def _left(self, part: Kustomization, options: Options) -> list[Left]:
        key = part, options
        if key not in self._known:
            self._known[key] = [
                *self._included(part),
                *self._charts(part, options),
                *self._plugins(part, options),
                *self._patches(part),
                *self._definitions(part),
                *self._generated(part),
            ]
        return self._known[key]

    @cached_property
    def _made(self) -> set[Path]:
        every = [path for part in self.repository.kustomizations.values() for path in named(part)]
        return made(self.repository.top, every)

    def _is_made(self, part: Kustomization, name: str) -> bool:
        return bool(name) and "\n" not in name and absolute(part, name) in self._made

    def _absent(self, part: Kustomization, name: str, line: int) -> Aside | None:
        """Return why what an entry names is not here, if it need not be."""
        if is_remote(part.folder, name) and not self.settings.network:
            return Aside(part.file, line, f"{name}: {NETWORK}")
        return Aside(part.file, line, name, is_made=True) if self._is_made(part, name) else None

    def _included(self, part: Kustomization) -> Iterator[Left]:
        """Yield the entries that must be fetched, or are made before the build."""
        for key in ("resources", "bases", "components"):
            for i, node in nodes.items(nodes.get(part.node, key)):
                if why := self._absent(part, nodes.text(node), nodes.line(node)):
                    yield Left((key, i), why)

    def _charts(self, part: Kustomization, options: Options) -> Iterator[Left]:
        """Yield the charts that cannot be rendered."""
        for path, each in charts(part):
            if why := each.refused(options, network=self.settings.network):
                line = nodes.line(nodes.get(part.node, *path))
                yield Left(path, Aside(part.file, line, f"{each.title}: {why}"))

    def _plugins(self, part: Kustomization, options: Options) -> Iterator[Left]:
        """Yield the generators, transformers and validators that cannot be run."""
        for key in PLUGINS:
            place = ScalarNode(TEXT, NO_TRANSFORMER, style="|") if key == "transformers" else None
            for i, node in nodes.items(nodes.get(part.node, key)):
                name, line = nodes.text(node), nodes.line(node)
                if why_absent := self._absent(part, name, line):
                    yield Left((key, i), why_absent, place)
                    continue
                reasons = (self._refused(part, it, options) for it in self._configs(part, name))
                if why := next(filter(None, reasons), ""):
                    makes = key != "validators"
                    yield Left((key, i), Aside(part.file, line, why, makes=makes), place)

    def _refused(self, part: Kustomization, config: Node, options: Options) -> str:
        """Return why what a file configures cannot be run, or an empty text."""
        kind = nodes.text(nodes.get(config, "kind"))
        if nodes.text(nodes.get(config, "apiVersion")) != "builtin":
            return "" if options.plugins else f"plugin {kind}: {RUN}"
        if kind != GENERATOR:
            return ""
        its = chart(part, config)
        why = its.refused(options, network=self.settings.network)
        return f"{its.title}: {why}" if why else ""

    def _configs(self, part: Kustomization, name: str) -> Iterator[Node]:
        """Yield the documents of an entry: inside it, in a file, or in a folder to render."""
        path = part.folder if "\n" in name else absolute(part, name)
        if "\n" in name:
            yield from nodes.compose(name, str(part.file))
        elif path.is_file():
            yield from self.repository.documents(path)
        elif (below := self.repository.kustomizations.get(path)) is not None:
            for each in self.repository.tree(below):
                for file in each.included():
                    if file.is_file():
                        yield from self.repository.documents(file)

    def _patches(self, part: Kustomization) -> Iterator[Left]:
        """Yield the patches that must be fetched, or are made before the build."""
        for i, node in nodes.items(nodes.get(part.node, "patches")):
            name = nodes.text(nodes.get(node, "path"))
            if why := self._absent(part, name, nodes.line(node)):
                yield Left(("patches", i), why, nodes.compose(NO_PATCH, "")[0])
        listed = list(nodes.items(nodes.get(part.node, "patchesStrategicMerge")))
        for i, node in listed:
            if why := self._absent(part, nodes.text(node), nodes.line(node)):
                # Kustomize takes no patch at all for a mistake.
                none = ScalarNode(TEXT, NO_DOCUMENT, style="|") if len(listed) > 1 else None
                yield Left(("patchesStrategicMerge", i), why, none)
        for i, node in nodes.items(nodes.get(part.node, "patchesJson6902")):
            if why := self._absent(part, nodes.text(nodes.get(node, "path")), nodes.line(node)):
                kind = nodes.text(nodes.get(node, "target", "kind"))
                (place,) = nodes.compose(NO_OPERATION.replace("KIND", kind), "")
                target = [pair for pair in node.value if pair[0].value == "target"]
                place.value = [*place.value, *target]
                yield Left(("patchesJson6902", i), why, place)

    def _definitions(self, part: Kustomization) -> Iterator[Left]:
        """Yield the definitions for kustomize itself that must be fetched, or are made."""
        for key in ("crds", "configurations"):
            for i, node in nodes.items(nodes.get(part.node, key)):
                if why := self._absent(part, nodes.text(node), nodes.line(node)):
                    yield Left((key, i), why)
        schema = nodes.get(part.node, "openapi", "path")
        if why := self._absent(part, nodes.text(schema), nodes.line(schema)):
            yield Left(("openapi",), why)

    def _generated(self, part: Kustomization) -> Iterator[Left]:
        """Yield the files of generators that must be fetched, or are made before the build."""
        for path, key, name in sources(part):
            if why := self._absent(part, name, nodes.line(nodes.get(part.node, *path))):
                generator = nodes.text(nodes.get(part.node, *path[:2], "name"))
                why = replace(why, makes=False)
                if key:  # any file serves: only the key counts
                    yield Left(path, why, ScalarNode(TEXT, f"{key}={part.file.name}"))
                    continue
                # What it is made from has some of its keys.
                it, place = source(absolute(part, name)) if why.is_made else None, None
                if it is not None and is_env(it):
                    place = ScalarNode(TEXT, f"{name.rpartition('/')[0] or '.'}/{it.name}")
                yield Left(path, replace(why, opens=generator), place)


def without(node: Node, found: list[Left]) -> Node:
    """Return a kustomization with what takes the places of entries, or without them."""
    # The last of a list first, so that none moves.
    for left in reversed(found):
        node = changed(node, left.path, left.place)
    if isinstance(node, MappingNode) and nodes.get(node, "resources") is None:
        # Kustomize refuses a kustomization that says nothing.
        node = shallow(node)
        node.value = [*node.value, (ScalarNode(TEXT, "resources"), SequenceNode(LIST, []))]
    return node


def changed(node: Node, path: Path_, place: Node | None) -> Node:
    """Return a copy with another node at a path, or without the entry that is there."""
    result = shallow(node)
    result.value = []
    for index, (key, below) in enumerate(nodes.items(node)):
        new: Node | None = below
        if key == path[0]:
            new = changed(below, path[1:], place) if path[1:] else place
        if new is not None:
            entry = node.value[index]
            result.value.append((entry[0], new) if isinstance(node, MappingNode) else new)
    return result


def prepared(
    root: Path,
    config: Config,
    asked: Options = PLAIN,
    *,
    network: bool = False,
    copy: Copy | None = None,
) -> Repository:
    """Read a repository whose overlays are rendered as they are delivered."""
    repository = Repository.read(root)
    repository.delivers, repository.copy = True, copy
    settings = Settings(repository.deliveries, config.build, asked, network)
    repository.prepare = Preparation(repository, settings)
    return repository


def at_revision(path: Path, copy: Copy, base: str) -> Repository:
    """Read the repository at a path of a revision. Raises GitopsError if gitops.yaml is invalid."""
    folder = copy.top / path
    try:
        return prepared(folder, Config.read(folder), copy=copy)
    except GitopsError as error:
        message = error.message.replace(f"{copy.top}/", "")
        raise GitopsError(f"--base {base}: {message}") from None
