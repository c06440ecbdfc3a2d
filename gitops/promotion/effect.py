"""Whether another release, written where an overlay pins one, changes what is rendered."""

from __future__ import annotations

from pathlib import Path

from gitops import programs
from gitops.jobs import Job
from gitops.pins import Pin
from gitops.promotion.judgement import Judgement
from gitops.refusals import reason
from gitops.releases import Release
from gitops.render import Renderer

UNKNOWN = "whether it changes what is rendered is not known: the renderer is not installed"


def demand(found: Judgement, pin: Pin, new: Release) -> None:
    """Add a reason to refuse if what an overlay renders to does not depend on its pin.

    Of what does not render here, such as a base that must be fetched, and of what Argo CD or Flux
    pins, nothing is known. Raises GitopsError if the release cannot be written.
    """
    files = dict.fromkeys(paths(pin), pin.with_release(new))
    if not files:
        return
    if programs.locate("renderer") is None:
        found.notes += [UNKNOWN] * (UNKNOWN not in found.notes)
        return
    overlay = pin.overlay
    with Renderer() as renderer:
        jobs = [Job.of(overlay), Job.of(overlay, {**overlay.files, **files})]
        before, after = renderer.render(jobs)
    if before.error or not before.objects:
        return
    if after.error:
        why = reason(after.error)
        found.reasons.append(f"{overlay.name} would not render with {new}: {why}")
    elif before.digest == after.digest:
        why = "an override that is applied later hides it, or nothing has this image"
        found.reasons.append(f"{overlay.name} does not render what it pins ({pin.release}): {why}")


def paths(pin: Pin) -> set[Path]:
    """Return the paths by which the rendering of its overlay reads the file of a pin."""
    own = [part.own for part in pin.overlay.tree if not part.own.delivers]
    read = {path for part in own for path in (part.file, *part.files())}
    return {path for path in read if path.resolve() == pin.file}
