"""Tiers: what an environment is for, guessed from its name until somebody says it. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class Tier(StrEnum):
    """The tier of an environment; the metrics are about production by default."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


PROMOTION_ORDER = {Tier.DEVELOPMENT: 100, Tier.STAGING: 200, Tier.PRODUCTION: 300}
# Of several words in a name, such as those of `pre-prod`, the first one here decides.
WORDS = {
    **dict.fromkeys(
        ("dev", "develop", "development", "local", "non", "nonprod", "sandbox", "test", "testing"),
        Tier.DEVELOPMENT,
    ),
    **dict.fromkeys(
        ("pre", "preprod", "preproduction", "qa", "stage", "staging", "stg", "uat"), Tier.STAGING
    ),
    **dict.fromkeys(("live", "prd", "prod", "production"), Tier.PRODUCTION),
}
# `preview-search`, `review-search`, `pr-101`, `mr-101`
TRANSIENT = re.compile(r"(^|[^a-z])(previews?|reviews?|(pr|mr|pull)[._-]?[0-9]+)([^a-z]|$)")


class Guess(NamedTuple):
    """What the name of an environment says of it."""

    tier: Tier
    transient: bool


def guess(name: str) -> Guess:
    """Return what an environment is for, by the words of its name: `prod-eu-1` is production."""
    if TRANSIENT.search(name):
        return Guess(Tier.DEVELOPMENT, transient=True)
    words = set(re.findall(r"[a-z]+", name))
    tiers = (tier for word, tier in WORDS.items() if word in words)
    return Guess(next(tiers, Tier.DEVELOPMENT), transient=False)
