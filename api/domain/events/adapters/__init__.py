"""The adapters, by the source that their events come from."""

from __future__ import annotations

from api.domain.events.adapter import Adapter
from api.domain.events.adapters.github import GITHUB

ADAPTERS: dict[str, Adapter] = {adapter.source: adapter for adapter in (GITHUB,)}
