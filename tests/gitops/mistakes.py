"""Mistakes that people make in Kustomize repositories, planted one at a time.

A kind of mistake is a place, named by the kind of a document and the path of a field, and what is
written there instead. Files are taken for what the kustomizations name them as: resources, patches,
or kustomizations themselves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes
from gitops.patches import patches
from gitops.repository import ENVIRONMENTS, Repository

Edit = Callable[[str, "Place"], str | None]
WORKLOAD = r"(?:Deployment|StatefulSet|DaemonSet)"
POD = rf"{WORKLOAD} spec/template/spec"
CONTAINER = rf"{POD}/containers/\d+"
# In these folders, the namespace `production` is that of another environment.
OTHERS = ENVIRONMENTS - {"prod", "production", "live"}
SCALER = "HorizontalPodAutoscaler"


@dataclass(frozen=True)
class Place:
    """A field or an item of a list, with what holds it."""

    path: str  # of a document: its kind, and the path of the field
    key: Node | None
    value: Node
    holder: Node

    @property
    def start(self) -> int:
        """Where it begins in the text: at its key, or at the dash of an item."""
        return int((self.key or self.value).start_mark.index)


@dataclass(frozen=True)
class Mistake:
    """A file with one mistake in it."""

    kind: str
    file: Path
    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.file}:{self.line}: {self.what}"


def misspell(text: str, place: Place) -> str | None:
    """Change the middle letter of a value: of a literal `KEY=value`, that of its key."""
    return written(text, place, letter(nodes.text(place.value).partition("=")[0]))


def misspell_last(text: str, place: Place) -> str | None:
    """Change a letter in the last word of a path."""
    value = nodes.text(place.value)
    head, _, last = value.rpartition("/" if "/" in value else ".")
    changed = letter(last)
    return written(text, place, value[: len(head) + (last != value)] + changed if changed else None)


def misspell_key(text: str, place: Place) -> str | None:
    """Change the middle letter of a key."""
    key = place.key
    return None if key is None else replaced(text, key, letter(nodes.text(key)))


def letter(word: str) -> str | None:
    """Return a word with the next letter of the alphabet in its middle; None if it has none."""
    letters = [i for i, each in enumerate(word) if each.isascii() and each.isalpha()]
    if not letters:
        return None
    at = letters[len(letters) // 2]
    return (
        word[:at] + ({"z": "a", "Z": "A"}.get(word[at]) or chr(ord(word[at]) + 1)) + word[at + 1 :]
    )


def stale(text: str, place: Place) -> str | None:
    """Write a name of before instead of the value."""
    return written(text, place, f"legacy-{nodes.text(place.value)}")


def to(value: str) -> Edit:
    """Write this instead of a value."""
    return lambda text, place: written(text, place, value)


def unquoted(value: str) -> Edit:
    """Write this instead of a value and of its quotation marks."""
    return lambda text, place: spliced(text, place.value, value)


def other_port(text: str, place: Place) -> str | None:
    """Write another port: the next number, or a misspelt name."""
    value = nodes.text(place.value)
    return written(text, place, str(int(value) + 1)) if value.isdigit() else misspell(text, place)


def remove(text: str, place: Place) -> str | None:
    """Take an item of a list away, or the whole list if it is the only one."""
    holder = place.holder
    if not isinstance(holder, SequenceNode) or holder.flow_style:
        return None
    if len(holder.value) == 1:
        return text[: holder.start_mark.index] + "[]\n" + text[end(text, place) :]
    start = text.rindex("\n", 0, place.start) + 1
    return text[:start] + text[end(text, place) :]


def twice(text: str, place: Place) -> str | None:
    """Write an item of a list, or a field, a second time."""
    holder = place.holder
    if getattr(holder, "flow_style", False) or place.start == 0:
        return None
    start = text.rfind("\n", 0, place.start) + 1
    lines = text[start : end(text, place)]
    if not isinstance(holder, SequenceNode) and lines.lstrip().startswith("- "):
        lines = lines.replace("- ", "  ", 1)
    return text[: end(text, place)] + lines + text[end(text, place) :]


def dedent(text: str, place: Place) -> str | None:
    """Move a field two columns to the left."""
    start = text.rfind("\n", 0, place.start) + 1
    lines = text[start : end(text, place)].splitlines(keepends=True)
    if not all(line.startswith("  ") or not line.strip() for line in lines):
        return None
    moved = "".join(line[2:] if line.strip() else line for line in lines)
    return text[:start] + moved + text[end(text, place) :]


def written(text: str, place: Place, value: str | None) -> str | None:
    """Return a text with another value in a place; a literal keeps what it is set to."""
    if value is None or not isinstance(place.value, ScalarNode):
        return None
    old = nodes.text(place.value)
    return replaced(
        text, place.value, value + old[old.index("=") :] if "literals" in place.path else value
    )


def replaced(text: str, node: Node, value: str | None) -> str | None:
    """Return a text with another scalar; quotation marks are kept."""
    start = node.start_mark.index
    quote = text[start] if text[start] in "'\"" else ""
    return None if value is None else spliced(text, node, f"{quote}{value}{quote}")


def spliced(text: str, node: Node, value: str) -> str:
    """Return a text with this in the place of a node."""
    return text[: node.start_mark.index] + value + text[node.end_mark.index :]


def end(text: str, place: Place) -> int:
    """Return where the last line of a place ends."""
    stop = place.value.end_mark.index
    if not isinstance(place.value, ScalarNode):  # its mark is where the next one begins
        stop = len(text[:stop].rstrip())
    found = text.find("\n", stop)
    return len(text) if found < 0 else found + 1


# By what a file is: a kind of mistake, the places for it, and what happens there.
Kinds = tuple[tuple[str, str, Edit], ...]
KUSTOMIZATION: Kinds = (
    ("image name", r"images/\d+/name", misspell),
    ("image name, stale", r"images/\d+/name", stale),
    ("patch target name", r"patches\w*/\d+/target/name", misspell),
    ("patch target kind", r"patches\w*/\d+/target/kind", to("ReplicaSet")),
    ("patch target namespace", r"patches\w*/\d+/target/namespace", stale),
    ("patch target group", r"patches\w*/\d+/target/group", stale),
    ("replicas name", r"replicas/\d+/name", misspell),
    ("generated key", r"configMapGenerator/\d+/literals/\d+", misspell),
    ("generator name", r"\w+Generator/\d+/name", misspell),
    ("replacement source", r"replacements/\d+/source/name", misspell),
    ("replacement field", r"replacements/\d+/source/fieldPath", misspell_last),
    ("replacement target", r"replacements/\d+/targets/\d+/select/name", misspell),
    ("replaced field", r"replacements/\d+/targets/\d+/fieldPaths/\d+", misspell_last),
    ("resource not included", r"resources/\d+", remove),
    ("resource misspelt", r"resources/\d+", misspell),
    ("component not used", r"components/\d+", remove),
    ("other environment's namespace", r"namespace", to("production")),
    ("field of a kustomization", r"(images|patches|namePrefix)", misspell_key),
)
PATCH: Kinds = (
    ("patched container", r".*containers/\d+/name", misspell),
    ("patched name", r"\w+ metadata/name", misspell),
    ("patched field", rf"{WORKLOAD} spec/\w+", misspell_key),
    ("patched path", r".*\d+/path", misspell_last),
)
RESOURCE: Kinds = (
    ("Service selector", r"Service spec/selector/.*", misspell),
    ("Service selector, stale", r"Service spec/selector/.*", stale),
    ("Service target port", r"Service spec/ports/\d+/targetPort", other_port),
    ("Ingress Service", r"Ingress .*/service/name", misspell),
    ("Ingress port", r"Ingress .*/service/port/\w+", other_port),
    ("autoscaler target", rf"{SCALER} spec/scaleTargetRef/name", misspell),
    ("autoscaler kind", rf"{SCALER} spec/scaleTargetRef/kind", to("StatefulSet")),
    ("autoscaler bounds", rf"{SCALER} spec/minReplicas", to("500")),
    ("budget selector", r"PodDisruptionBudget spec/selector/matchLabels/.*", misspell),
    ("monitor selector", r"(Service|Pod)Monitor spec/selector/matchLabels/.*", misspell),
    ("monitor port", r"ServiceMonitor spec/endpoints/\d+/port", misspell),
    ("policy selector", r"NetworkPolicy spec/podSelector/matchLabels/.*", misspell),
    ("policy port", r"NetworkPolicy spec/ingress/\d+/ports/\d+/port", other_port),
    ("workload selector", rf"{WORKLOAD} spec/selector/matchLabels/.*", misspell),
    ("ConfigMap of a variable", rf"{POD}/.*configMapKeyRef/name", misspell),
    ("key of a variable", rf"{POD}/.*configMapKeyRef/key", misspell),
    ("Secret of a variable", rf"{POD}/.*secretKeyRef/name", misspell),
    ("key of a Secret", rf"{POD}/.*secretKeyRef/key", misspell),
    ("ConfigMap of envFrom", rf"{POD}/.*configMapRef/name", misspell),
    ("ConfigMap of a volume", rf"{POD}/volumes/\d+/configMap/name", misspell),
    ("Secret of a volume", rf"{POD}/volumes/\d+/secret/secretName", misspell),
    ("claim of a volume", rf"{POD}/volumes/\d+/.*/claimName", misspell),
    ("volume not defined", rf"{CONTAINER}/volumeMounts/\d+/name", misspell),
    ("account absent", rf"{POD}/serviceAccountName", misspell),
    ("account absent, stale", rf"{POD}/serviceAccountName", stale),
    ("role absent", r"(Cluster)?RoleBinding roleRef/name", misspell),
    ("subject absent", r"(Cluster)?RoleBinding subjects/\d+/name", misspell),
    ("probe port", rf"{CONTAINER}/\w+Probe/\w+/port", other_port),
    ("request above limit", rf"{CONTAINER}/resources/limits/memory", to("1Ki")),
    ("invalid quantity", rf"{CONTAINER}/resources/\w+/memory", to("128mb")),
    ("resource unknown", rf"{CONTAINER}/resources/\w+/cpu", misspell_key),
    ("variable twice", rf"{CONTAINER}/env/\d+", twice),
    ("field twice", rf"{CONTAINER}/image", twice),
    ("container twice", rf"{CONTAINER}", twice),
    ("wrong indentation", rf"{CONTAINER}/(ports|env|args)", dedent),
    ("field misspelt", rf"{CONTAINER}/(ports|resources|env|imagePullPolicy)", misspell_key),
    ("API version gone", r"Deployment apiVersion", to("apps/v1beta1")),
    ("API version gone", r"Ingress apiVersion", to("extensions/v1beta1")),
    ("API version gone", r"PodDisruptionBudget apiVersion", to("policy/v1beta1")),
    ("API version unknown", r"Deployment apiVersion", to("app/v1")),
    ("API version unknown", r"Service apiVersion", to("core/v1")),
    ("kind misspelt", r"(Deployment|Service|ConfigMap) kind", misspell),
    ("text for a number", rf"{CONTAINER}/ports/\d+/containerPort", to("http")),
    ("number for a text", rf"{CONTAINER}/env/\d+/value", unquoted("8080")),
    ("governing Service", r"StatefulSet spec/serviceName", misspell),
    ("route backend", r"HTTPRoute spec/rules/\d+/backendRefs/\d+/name", misspell),
    ("chart source", r"HelmRelease spec/(chart/spec/sourceRef|chartRef)/name", misspell),
    ("applied path", r"(Kustomization|Application) spec/(source/)?path", misspell_last),
    ("applied source", r"Kustomization spec/sourceRef/name", misspell),
    ("dependency", r"(Kustomization|HelmRelease) spec/dependsOn/\d+/name", misspell),
)
KINDS = {"kustomization": KUSTOMIZATION, "patch": PATCH, "resource": RESOURCE}


def mistakes(repository: Repository) -> Iterator[Mistake]:
    """Yield every mistake of each kind that the files of a repository have a place for."""
    roles: dict[Path, str] = {}
    for each in repository.kustomizations.values():
        roles[each.file] = "kustomization"
        for file in each.included():
            if file.is_file():
                roles.setdefault(file, "resource")
        for patch in patches(repository, each):
            if patch.file != each.file:
                roles[patch.file] = "patch"
    included = Counter(
        path for each in repository.kustomizations.values() for path in each.included()
    )
    for file, role in sorted(roles.items()):
        if file in repository.faults or not file.is_relative_to(repository.root):
            continue
        text = file.read_text(encoding="utf-8")
        for name, place, edit in possible(repository.documents(file), role):
            # What others include, too, may be left out of one; what is in no environment has none.
            shared = edit is remove and included[target(file, place)] > 1
            anywhere = "environment" in name and {*file.parts}.isdisjoint(OTHERS)
            changed = None if shared or anywhere else edit(text, place)
            if changed not in (None, text):
                line = (place.key or place.value).start_mark.line + 1
                relative = file.relative_to(repository.root)
                yield Mistake(name, relative, line, place.path, str(changed))


def target(file: Path, place: Place) -> Path:
    """Return what an entry of a kustomization names."""
    return (file.parent / nodes.text(place.value)).resolve()


def possible(documents: list[Node], role: str) -> Iterator[tuple[str, Place, Edit]]:
    """Yield the kinds of mistakes that documents have a place for."""
    for document in documents:
        kind = nodes.text(nodes.get(document, "kind"))
        for place in places(document, "" if role == "kustomization" else f"{kind} "):
            for name, pattern, edit in KINDS[role]:
                if re.fullmatch(pattern, place.path):
                    yield name, place, edit


def places(node: Node, path: str) -> Iterator[Place]:
    """Yield every field and item below a node, with its path."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            at = f"{path}{key.value}"
            yield Place(at, key, value, node)
            yield from places(value, f"{at}/")
    elif isinstance(node, SequenceNode):
        for number, value in enumerate(node.value):
            yield Place(f"{path}{number}", None, value, node)
            yield from places(value, f"{path}{number}/")
