"""Images: nowhere the tag `latest`, and a digest where gitops.yaml asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from gitops import nodes
from gitops.checks.context import Context, Rendered
from gitops.checks.unknown import is_open
from gitops.config import Config
from gitops.findings import Finding, Severity
from gitops.images import DIGEST, split
from gitops.objects import Object


def check(context: Context) -> Iterator[Finding]:
    """Yield each image that lacks the tag or digest that its overlay needs."""
    for rendered in context.rendered:
        folder = context.repository.relative(rendered.overlay.folder)
        strict = context.config.needs_digests and not is_tag_enough(context.config, folder)
        for each in rendered.objects:
            for container in each.containers():
                image = str(container.get("image") or "")
                if is_open(image) or image.startswith("ko://") or not (image or each.is_whole):
                    continue  # somebody fills it in later
                if fault := wrong(image, strict=strict):
                    message = f"{each.title}, container {container.get('name')}: {fault}"
                    asked = Severity.WARNING if context.config.needs_digests else Severity.NOTE
                    # Without pods, it only takes those away that were there before.
                    is_started = cannot_start(image) and each.get("spec", "replicas") != 0
                    severity = Severity.ERROR if is_started else asked
                    value = image or str(container.get("name"))
                    yield finding(rendered, each, value, message, severity)


def is_tag_enough(config: Config, overlay: str) -> bool:
    """Tell whether an image needs no digest in an overlay, by its name or a part of its path."""
    return not {*PurePath(overlay).parts, overlay}.isdisjoint(config.tag_is_enough)


def cannot_start(image: str) -> bool:
    """Tell whether no pod can have such an image."""
    _, _, digest = split(image)
    return not image or bool(digest and not DIGEST.fullmatch(digest))


def wrong(image: str, *, strict: bool) -> str:
    """Return what is wrong with an image, or an empty text."""
    _, tag, digest = split(image)
    if not image:
        return "no image: perhaps a patch names a container that does not exist"
    if tag == "latest":
        return f"{image}: the tag `latest` may be another image tomorrow"
    if digest and not DIGEST.fullmatch(digest):
        return f"{image}: the digest must be sha256: and 64 hexadecimal digits"
    if not tag and not digest:
        return f"{image}: neither a tag nor a digest"
    if strict and not digest:
        return f"{image}: no digest, and this overlay needs one"
    return ""


def finding(
    rendered: Rendered, thing: Object, image: str, message: str, severity: Severity
) -> Finding:
    """Return a finding at the entry of `images` that sets the image, or where it is named.

    Who writes an entry has decided about the image, so that it is at least a warning there.
    """
    name = split(image)[0]
    # The outermost entry is the one that counts.
    for each in rendered.sources.around(thing):
        for _, entry in nodes.items(nodes.get(each.node, "images")):
            if name in [nodes.text(nodes.get(entry, key)) for key in ("name", "newName")]:
                names, line = (rendered.overlay.name,), nodes.line(entry)
                severity = min(severity, Severity.WARNING, key=[*Severity].index)
                return Finding(each.file, line, "pin", message, names, HINT, severity)
    found = [value for value in (image, name) if rendered.sources.find(thing, value)[1] > 1]
    value = (found or [image])[0]
    return rendered.finding("pin", message, thing, value, HINT, severity)


HINT = "set `newTag` and `digest` under `images`"
