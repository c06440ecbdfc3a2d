"""The chart renders to what Kustomize renders to, object by object, whatever is switched on."""

import copy
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from gitops.jobs import Job
from gitops.render import Renderer
from tests.manifests import verdicts
from tests.tools.chart.comparison import Objects, helm, of_chart, of_kustomize, template
from tools import overlay
from tools.chart import sources, values
from tools.chart.__main__ import write
from tools.command import ROOT, ToolError
from tools.setup import schemas

ENVIRONMENTS = tuple(overlay.environments())
COMPONENTS = tuple(part.name for part in sources.parts() if part in sources.components())
NAMESPACE = "somewhere"
IMAGE = "registry.example.com:5000/acme/slipway:1.2.3@sha256:" + 64 * "a"


def mixed() -> list[tuple[str, ...]]:
    """Return sets of components that show each beside each other.

    Of any two, some set has the one without the other, since their numbers differ in a bit, and
    some set has both, unless they exclude each other.
    """
    sets = [
        compatible(*(name for at, name in enumerate(COMPONENTS) if (at >> bit & 1) == value))
        for bit in range(len(COMPONENTS).bit_length())
        for value in (0, 1)
    ]
    for pair in itertools.combinations(COMPONENTS, 2):
        if compatible(*pair) == pair and not any({*pair} <= {*found} for found in sets):
            sets.append(compatible(*pair, *COMPONENTS))
    return sets


def compatible(*wanted: str) -> tuple[str, ...]:
    """Return components without those that exclude one before them."""
    exclusive = [{*pair} for pair in sources.renderings().exclusive]
    taken: list[str] = []
    for name in wanted:
        if name not in taken and not any({name, other} in exclusive for other in taken):
            taken.append(name)
    return tuple(taken)


def switches(*components: str) -> list[str]:
    return [f"--set=components.{sources.value(each)}=true" for each in components]


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    with Renderer() as process:
        yield process


def rendered(renderer: Renderer, folder: Path) -> Objects:
    (answer,) = renderer.render([Job(folder)])
    # A copy, because answers share the objects that they have in common.
    return of_kustomize(copy.deepcopy(list(answer.objects)))


@pytest.fixture(scope="session")
def on_the_base(
    renderer: Renderer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Objects]:
    """Return what renders the base with components in their order, from files on disk."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "namespace.yaml").write_text(
        f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n", encoding="utf-8"
    )

    def render(*components: str) -> Objects:
        k8s = Path(os.path.relpath(ROOT / "k8s", folder))
        made = {
            "namespace": NAMESPACE,
            "resources": ["namespace.yaml", str(k8s / "base")],
            "components": [str(k8s / "components" / each) for each in components],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
        return rendered(renderer, folder)

    return render


def on_an_overlay(renderer: Renderer, env: str, component: str, folder: Path) -> Objects:
    """Render an overlay with one component more, before `release`."""
    shutil.copytree(ROOT / "k8s", folder / "k8s")
    path = folder / overlay.OVERLAYS / env / "kustomization.yaml"
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    made["components"].insert(-1, f"../../components/{component}")
    # Whoever adds a StatefulSet labels its pods, too, as dev does.
    (labels,) = made["labels"]
    kinds = {each["kind"] for each in labels["fields"]} | {"StatefulSet"}
    labels["fields"] = [{**labels["fields"][0], "kind": kind} for kind in kinds]
    # A route takes the host of the overlay's Ingress, as the page of its component says.
    host = {"kind": "Ingress", "fieldPath": "spec.rules.0.host"}
    route = {"select": {"kind": "HTTPRoute"}, "fieldPaths": ["spec.hostnames.0"]}
    made["replacements"] = [{"source": host, "targets": [route]}]
    path.write_text(yaml.safe_dump(made), encoding="utf-8")
    return rendered(renderer, path.parent)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_an_environments_values_render_to_its_overlay(chart: Path, env: str) -> None:
    found = template(chart, f"slipway-{env}", "--values", chart / f"values-{env}.yaml")

    assert of_chart(found) == of_kustomize(copy.deepcopy(overlay.rendered(env)))


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_component_adds_to_an_environment_what_it_adds_to_its_overlay(
    chart: Path, renderer: Renderer, env: str, component: str, tmp_path: Path
) -> None:
    if component in values.taken_by(env):
        return
    options: list[str | Path] = ["--values", chart / f"values-{env}.yaml", *switches(component)]
    found = template(chart, f"slipway-{env}", *options)

    assert of_chart(found) == on_an_overlay(renderer, env, component, tmp_path)


@pytest.mark.parametrize("component", ["", *COMPONENTS])
def test_the_base_is_the_same_with_one_component_and_with_none(
    chart: Path, on_the_base: Callable[..., Objects], component: str
) -> None:
    chosen = [component] if component else []

    assert of_chart(template(chart, NAMESPACE, *switches(*chosen))) == on_the_base(*chosen)


def test_the_base_is_the_same_whichever_components_meet(
    chart: Path, on_the_base: Callable[..., Objects]
) -> None:
    for chosen in mixed():
        ordered = sorted(chosen, key=COMPONENTS.index)
        found = of_chart(template(chart, NAMESPACE, *switches(*ordered)))

        assert found == on_the_base(*ordered), ordered


def test_a_release_runs_its_own_image_in_every_environment(tmp_path: Path) -> None:
    write(tmp_path / "chart", IMAGE)

    for env in ENVIRONMENTS:
        values = tmp_path / "chart" / f"values-{env}.yaml"
        found = template(tmp_path / "chart", f"slipway-{env}", "--values", values)

        pod = overlay.find(found, "Deployment")["spec"]["template"]["spec"]
        assert {each["image"] for each in pod["containers"] + pod["initContainers"]} == {IMAGE}, env


@pytest.mark.parametrize(
    ("file", "now", "then"),
    [
        ("deployment.yaml", "maxSurge: 1", "maxSurge: 2"),
        ("deployment.yaml", "runAsNonRoot: true", "runAsNonRoot: false"),
        ("service.yaml", "- name: http", "- name: web"),
        ("networkpolicy-postgres.yaml", "notifier", "anybody"),
        ("poddisruptionbudget.yaml", "kind: PodDisruptionBudget", "kind: Elsewhere"),
        ("configmap.yaml", ".Values.database.host", ".Values.database.name"),
    ],
)
def test_a_template_that_somebody_edited_is_noticed(
    chart: Path, tmp_path: Path, on_the_base: Callable[..., Objects], file: str, now: str, then: str
) -> None:
    edited = shutil.copytree(chart, tmp_path / "slipway")
    path = edited / "templates" / file
    text = path.read_text(encoding="utf-8")
    assert now in text
    path.write_text(text.replace(now, then), encoding="utf-8")
    chosen = [each for each in COMPONENTS if each in ("disruption-budget", "notifications")]
    if "postgres" in file:
        chosen = [each for each in COMPONENTS if each in ("postgres", "notifications")]

    assert of_chart(template(edited, NAMESPACE, *switches(*chosen))) != on_the_base(*chosen)


def test_making_it_again_leaves_nothing_of_an_edit(chart: Path, tmp_path: Path) -> None:
    made = shutil.copytree(chart, tmp_path / "slipway")
    (made / "templates" / "service.yaml").write_text("kind: Mine\n", encoding="utf-8")
    (made / "templates" / "mine.yaml").write_text("kind: Mine\n", encoding="utf-8")

    write(made, None)

    texts = {each.relative_to(made): each.read_text() for each in made.rglob("*") if each.is_file()}
    assert texts == {
        each.relative_to(chart): each.read_text() for each in chart.rglob("*") if each.is_file()
    }


@pytest.mark.parametrize(
    ("kind", "change", "where"),
    [
        ("Deployment", lambda it: it["spec"].update(revisionHistoryLimit=9), "spec.revisionHist"),
        ("Service", lambda it: it["spec"].update(type="NodePort"), "Service/slipway.spec.type"),
        ("Ingress", lambda it: it["spec"].update(defaultBackend={}), "defaultBackend"),
        ("HorizontalPodAutoscaler", lambda it: it["spec"]["metrics"].pop(), "spec.metrics"),
    ],
)
def test_a_difference_of_an_overlay_that_no_value_can_say_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    change: Callable[[overlay.Object], object],
    where: str,
) -> None:
    among = copy.deepcopy(overlay.rendered("prod"))
    change(overlay.find(among, kind))
    monkeypatch.setattr(overlay, "rendered", lambda _env: among)

    with pytest.raises(ToolError, match="the overlay prod differs") as error:
        values.of_overlay("prod")

    assert where in str(error.value)
    assert "name one there in tools/chart/overlay" in str(error.value)


def test_what_it_renders_with_every_component_is_valid(chart: Path) -> None:
    done = helm("template", "any", chart, "--namespace", NAMESPACE, *switches(*COMPONENTS))

    found = verdicts(done.stdout, schemas.minors(schemas.source())[0])

    assert [each for each in found if each.faults] == []
    assert len(found) > 20


@pytest.fixture(scope="module")
def with_its_test(chart: Path) -> dict[str, str]:
    """Return what the chart renders to in each environment, with the objects of `helm test`."""

    def text(env: str) -> str:
        values = chart / f"values-{env}.yaml"
        argv = ("template", "any", chart, "--namespace", f"slipway-{env}", "--values", values)
        return helm(*argv).stdout

    return {env: text(env) for env in ENVIRONMENTS}


@pytest.mark.parametrize("version", schemas.minors(schemas.source()))
@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_what_it_renders_is_valid_with_its_test(
    with_its_test: dict[str, str], env: str, version: str
) -> None:
    found = verdicts(with_its_test[env], version)

    assert [each for each in found if each.faults] == []
    assert len(found) > 8
