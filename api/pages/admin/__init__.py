"""`/admin`: tokens, subscriptions and their deliveries, and the rules for events; for admins."""

from __future__ import annotations

from api.pages.admin import notifications, rules, tokens

__all__ = ["notifications", "rules", "tokens"]
