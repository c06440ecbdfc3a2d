"""The adapters by source."""

from __future__ import annotations

from api.domain.events.adapter import Adapter
from api.domain.events.adapters.argocd import ARGOCD
from api.domain.events.adapters.argorollouts import ARGOROLLOUTS
from api.domain.events.adapters.cdevents import CLOUDEVENTS
from api.domain.events.adapters.flagger import FLAGGER
from api.domain.events.adapters.flux import FLUX
from api.domain.events.adapters.github import GITHUB
from api.domain.events.adapters.gitlab import GITLAB

# Senders of one JSON object for each event, to `/webhooks/SOURCE`.
WEBHOOKS = (ARGOCD, FLUX, ARGOROLLOUTS, FLAGGER, GITHUB, GITLAB)
ADAPTERS: dict[str, Adapter] = {adapter.source: adapter for adapter in (*WEBHOOKS, CLOUDEVENTS)}
