"""The teams of the demo history, their services and their typical incidents."""

from __future__ import annotations

from dataclasses import dataclass

from api.domain.catalog import ServiceDescription


@dataclass(frozen=True)
class Team:
    """A team and its service."""

    service: str
    owner: str
    people: tuple[str, ...]
    releases_a_week: float
    # The share of releases that go wrong in production.
    failure_rate: float
    # The parts of the service that commits change.
    parts: tuple[str, ...]
    # Titles of incidents.
    symptoms: tuple[str, ...]
    # The flaw of the release that waits in staging, if there is one.
    flaw: str | None = None
    # Whether its last deployment to production failed, and nobody has tried again yet.
    stuck: bool = False

    @property
    def description(self) -> ServiceDescription:
        """Return the description of the service for the catalog."""
        return ServiceDescription(
            owner=self.owner,
            repository=f"https://git.example.com/acme/{self.service}",
            image=f"registry.example.com/acme/{self.service}",
        )


TEAMS = (
    Team(
        "catalog",
        "assortment",
        ("ada", "linus"),
        4,
        0.10,
        ("the product page", "the import of prices", "the stock figures", "the category tree"),
        ("Prices are out of date", "Products are missing"),
        flaw="Pictures do not load",
    ),
    Team(
        "checkout",
        "payments",
        ("grace", "edsger", "barbara"),
        6,
        0.15,
        ("the basket", "card payments", "the voucher field", "the invoice", "refunds"),
        ("Payments are refused", "Orders are charged twice", "The basket is empty"),
    ),
    Team(
        "identity",
        "accounts",
        ("radia", "whitfield"),
        2,
        0.05,
        ("the sign-in page", "passkeys", "the session store", "password resets"),
        ("Sign-in fails for some", "Sessions end early"),
    ),
    Team(
        "notifications",
        "accounts",
        ("radia", "ken"),
        3,
        0.12,
        ("the mail templates", "the retry queue", "text messages", "the unsubscribe link"),
        ("Mails are late", "Mails are sent twice"),
        stuck=True,
    ),
    Team(
        "search",
        "discovery",
        ("karen", "gerard"),
        5,
        0.18,
        ("the ranking", "the index", "spelling suggestions", "the filters", "synonyms"),
        ("Search is slow", "Search finds nothing"),
    ),
    Team(
        "web",
        "storefront",
        ("tim", "hedy", "ada"),
        9,
        0.07,
        ("the front page", "the menu", "the cookie banner", "image sizes", "the footer"),
        ("Pages are blank", "Pages load slowly"),
    ),
)
# The verbs with which commit messages begin.
DEEDS = ("Simplify", "Speed up", "Test", "Fix", "Log", "Translate", "Rework", "Cache", "Validate")
