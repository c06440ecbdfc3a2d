"""What Flux's Kustomizations apply, and with which overrides of their own.

Its controller writes them into the kustomization of the folder: fluxcd/pkg, kustomize.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from yaml.nodes import MappingNode, Node

from gitops import nodes
from gitops.deliveries.argo_cd import is_known, is_true, known, marked
from gitops.deliveries.folders import Selection
from gitops.deliveries.model import MAP, Delivery
from gitops.deliveries.results import Result
from gitops.releases import Place, identity

# What a Kustomization calls the fields of a kustomization file.
FIELDS = {
    **{key: key for key in ("namePrefix", "nameSuffix", "images", "patches", "components")},
    **{key: key for key in ("patchesStrategicMerge", "patchesJson6902", "buildMetadata")},
    "targetNamespace": "namespace",
}


# The file and the document of the ConfigMap of a name, if that is known.
Maps = Callable[[str], tuple[Path, Node] | None]


def delivery(file: Path, document: Node, folder: Path, maps: Maps) -> Delivery:
    """Return how a Kustomization applies a folder."""
    spec = nodes.get(document, "spec")
    pairs = []
    for key, value in spec.value if isinstance(spec, MappingNode) else ():
        if key.value == "components" and is_true(spec, "ignoreMissingComponents"):
            continue  # it names what need not be there
        if key.value in FIELDS and (it := known(value)) is not None:
            pairs.append((marked(FIELDS[key.value], key), it))
    node = MappingNode(MAP, pairs)
    node.start_mark = document.start_mark
    build = nodes.get(spec, "postBuild")
    named = (nodes.text(nodes.get(it, "name")) for it in config_maps(build))
    given_maps = [found for found in map(maps, named) if found is not None]
    result = Result(
        labels=texts(nodes.get(spec, "commonMetadata", "labels")),
        annotations=texts(nodes.get(spec, "commonMetadata", "annotations")),
        variables=variables(build, [document for _, document in given_maps]),
        opened=opened(build),
        has_others=len(list(nodes.items(nodes.get(build, "substituteFrom")))) > len(given_maps),
    )
    values = [nodes.get(spec, *path) for path in (("commonMetadata",), ("postBuild", "substitute"))]
    given = tuple(value for value in values if value is not None)
    name = nodes.text(nodes.get(document, "metadata", "name"))
    words = {"namespace": "targetNamespace"}
    pins = Place(("spec", "images"), identity(document))
    return Delivery(
        *(file, node, name, folder, result, given, words),
        replaces_images=False,
        pins=pins,
        selection=Selection(),
        others=tuple(file for file, _ in given_maps),
    )


def patches_variables(document: Node) -> bool:
    """Tell whether a document patches variables into Kustomizations of Flux, or is such a patch.

    That is another Kustomization of Flux, or one of kustomize that includes them.
    """
    spec = nodes.get(document, "spec")
    if spec is not None and nodes.get(spec, "path") is None:
        return nodes.get(spec, "postBuild") is not None
    patches = nodes.items(nodes.get(document if spec is None else spec, "patches"))
    return any("postBuild" in nodes.text(nodes.get(patch, "patch")) for _, patch in patches)


def config_maps(build: Node | None) -> Iterator[Node]:
    """Yield what names a ConfigMap with variables, in order."""
    for _, source in nodes.items(nodes.get(build, "substituteFrom")):
        if nodes.text(nodes.get(source, "kind")) == "ConfigMap":
            yield source


def variables(build: Node | None, maps: list[Node]) -> dict[str, str]:
    """Return the variables that are known: what is written here counts before what is elsewhere.

    Of several ConfigMaps, the last one counts. What a Secret has is not known.
    """
    found: dict[str, str] = {}
    for document in maps:
        found |= texts(nodes.get(document, "data"))
    return found | texts(nodes.get(build, "substitute"))


def opened(build: Node | None) -> frozenset[str]:
    """Return the variables whose values are not known before what applies them fills them in."""
    substitute = nodes.items(nodes.get(build, "substitute"))
    return frozenset(str(key) for key, value in substitute if not is_known(nodes.text(value)))


def texts(node: Node | None) -> dict[str, str]:
    """Return the texts of a mapping that are known."""
    every = {str(key): nodes.text(value) for key, value in nodes.items(node)}
    return {key: text for key, text in every.items() if is_known(text)}
