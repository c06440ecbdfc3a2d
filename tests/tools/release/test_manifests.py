"""The archive of rendered overlays: each with the image of the release, byte for byte."""

import io
import tarfile

import pytest

from tools import overlay
from tools.command import ToolError
from tools.release.manifests import archive, rendered

IMAGE = "registry.example.com:5000/acme/slipway:1.2.3@sha256:" + 64 * "a"


def test_each_environment_has_its_folder_and_the_image_of_the_release() -> None:
    texts = rendered(IMAGE)

    assert set(texts) == {f"{env}/manifests.yaml" for env in overlay.environments()}
    for env in overlay.environments():
        among = overlay.objects(texts[f"{env}/manifests.yaml"])
        pod = overlay.find(among, "Deployment")["spec"]["template"]["spec"]
        assert {each["image"] for each in pod["containers"] + pod["initContainers"]} == {IMAGE}
        assert overlay.host(among) == overlay.host(overlay.rendered(env))


@pytest.mark.parametrize("image", ["a/slipway:1.2.3", "a/slipway@sha256:" + 64 * "a", "slipway"])
def test_an_image_that_does_not_say_what_it_is_is_refused(image: str) -> None:
    with pytest.raises(ToolError, match="NAME:TAG@sha256"):
        rendered(image)


def test_the_same_manifests_make_the_same_bytes() -> None:
    packed = archive({"prod/manifests.yaml": "a: 1\n", "dev/manifests.yaml": "b: 2\n"})

    assert packed == archive({"dev/manifests.yaml": "b: 2\n", "prod/manifests.yaml": "a: 1\n"})
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["dev/manifests.yaml", "prod/manifests.yaml"]
        assert {(each.mtime, each.uid, each.mode) for each in tar} == {(0, 0, 0o644)}
