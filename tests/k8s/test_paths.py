"""Three paths, one truth: whoever renders an overlay, its bytes are the same."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools import overlay
from tools.command import ROOT

KUSTOMIZE = str(ROOT / ".tools" / "kustomize")
# As the controllers build by default: Argo CD plainly, from inside the folder; Flux without the
# restriction on files outside of it.
CONTROLLERS = {
    "argocd": ([KUSTOMIZE, "build", "."], "k8s/overlays/{env}"),
    "flux": (
        [KUSTOMIZE, "build", "--load-restrictor=LoadRestrictionsNone", "{env}"],
        "k8s/overlays",
    ),
}


def build(argv: list[str], cwd: Path) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=True)
    assert done.stderr == "", "a warning of one path may be an error of another"
    return done.stdout


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_controller_renders_the_same_bytes(env: str, controller: str) -> None:
    argv, folder = CONTROLLERS[controller]
    rendered = build([word.format(env=env) for word in argv], ROOT / folder.format(env=env))
    assert rendered == overlay.render(overlay.OVERLAYS / env)


def test_kubectl_renders_the_same_bytes(env: str) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    rendered = build(["kubectl", "kustomize", str(overlay.OVERLAYS / env)], ROOT)
    assert rendered == overlay.render(overlay.OVERLAYS / env)


def test_a_file_from_outside_the_folder_is_told_apart(tmp_path: Path) -> None:
    """Flux would render it, the others refuse: such an overlay must not pass."""
    (tmp_path / "outside.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", encoding="utf-8"
    )
    inside = tmp_path / "overlay"
    inside.mkdir()
    (inside / "kustomization.yaml").write_text("resources: [../outside.yaml]\n", encoding="utf-8")
    flux, _ = CONTROLLERS["flux"]
    assert "name: x" in build([word.format(env="overlay") for word in flux], tmp_path)
    argocd, _ = CONTROLLERS["argocd"]
    with pytest.raises(subprocess.CalledProcessError):
        build(argocd, inside)
