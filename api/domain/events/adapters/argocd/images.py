"""The images that a sync deploys, and which service each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.domain.events.adapter import NotOursError, UnmappedError
from api.domain.events.adapters.argocd.sync import Phase, Sync
from api.domain.events.images import Image, by_service
from api.domain.events.mapper import LeftOutError, Mapper, Names

# More than any Application has, and few enough to be recorded in one transaction.
MAX_IMAGES = 1000


def deployed(sync: Sync, mapper: Mapper, *, final: bool) -> list[tuple[Names, Image | None]]:
    """Return each service that a sync deploys, and its image; without images, the Application.

    The images of the applied resources come first, then the running ones: while pods are being
    replaced, these are the old and the new. `final` means that no further notification will settle
    what is still unclear. Raises NotOursError while it is unclear, UnmappedError if only a rule can
    settle it or if there are more than MAX_IMAGES, and LeftOutError if the rules leave out every
    image.
    """
    if sync.phase.failed and sync.running_images and not sync.applied_images:
        raise NotOursError("It is not known which images the failed sync has applied.")
    running = sync.running_images if sync.phase is Phase.SUCCEEDED else ()
    if not sync.applied_images and not running:
        return [(_without_images(sync, mapper, final=final), None)]
    found: dict[str, tuple[Names, Image]] = {}
    left_out: list[LeftOutError] = []
    gone = {names.service for names in pruned(sync, mapper)}
    for references in (sync.applied_images, running):
        for names, images in _by_service(references, sync, mapper, left_out):
            if names.service in found or names.service in gone:
                continue
            if len(images) > 1:
                raise _ambiguous(names.service, images, final=final)
            found[names.service] = names, images[0]
    if not found:
        raise left_out[0] if left_out else NotOursError("It has deployed nothing.")
    return [found[service] for service in sorted(found)]


def _without_images(sync: Sync, mapper: Mapper, *, final: bool) -> Names:
    """Return the names of an Application that has no images. Raises errors as `deployed` does."""
    if sync.pruned_images:
        raise NotOursError("It has deleted what was deployed, and deployed nothing.")
    if sync.partial:
        raise NotOursError("Only some resources were synced, and none of them has an image.")
    if not final:
        raise NotOursError("It is not known yet which images the sync deploys.")
    return mapper.names(sync.fields)


def pruned(sync: Sync, mapper: Mapper) -> list[Names]:
    """Return the names of each service of which a sync has deleted all that it had deployed.

    Pods of it may still run for a moment. Raises UnmappedError as `deployed` does.
    """
    applied = {names.service for names, _ in _by_service(sync.applied_images, sync, mapper, [])}
    deleted = (names for names, _ in _by_service(sync.pruned_images, sync, mapper, []))
    return [names for names in deleted if names.service not in applied]


def services(sync: Sync, mapper: Mapper) -> list[Names]:
    """Return the names of each service that a sync has deployed or that runs, whatever its image.

    Raises errors as `deployed` does.
    """
    references = sync.applied_images + sync.running_images
    if not references:
        return [mapper.names(sync.fields)]
    left_out: list[LeftOutError] = []
    found = [names for names, _ in _by_service(references, sync, mapper, left_out)]
    if not found:
        raise left_out[0]
    return found


def _by_service(
    references: Sequence[str], sync: Sync, mapper: Mapper, left_out: list[LeftOutError]
) -> Iterable[tuple[Names, Sequence[Image]]]:
    if len(set(references)) > MAX_IMAGES:
        raise UnmappedError(f"The Application has more than {MAX_IMAGES} images.")
    return by_service(references, sync.fields, mapper, left_out).values()


def _ambiguous(service: str, images: Sequence[Image], *, final: bool) -> Exception:
    listed = ", ".join(f"{image.repository}:{image.tag or image.digest}" for image in images)
    if not final:
        return NotOursError(f"It is not known yet which image of {service} is deployed: {listed}.")
    return UnmappedError(
        f"Several images belong to the service {service}: {listed}. Make the rule for service tell"
        " them apart, or add operationState.syncResult.resources to the notification template."
    )
