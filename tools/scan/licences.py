"""The licences of the packages in the image: each must allow us to ship it."""

import re
import tempfile
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from tools.command import ROOT, ToolError
from tools.release.sbom import needed

# By the SPDX list (https://spdx.org/licenses). All let us ship a package beside code of our own;
# LGPL does too, as psycopg stays a package that anybody can replace in the image.
ALLOWED = {
    *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "PSF-2.0", "Unlicense"),
    "LGPL-3.0-only",
}
# What packages say that do not use the list yet.
CLASSIFIERS = {
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "The Unlicense (Unlicense)": "Unlicense",
}
CARELESS = "Metadata-Version: 2.4\nName: careless\nVersion: 1\nLicense-Expression: AGPL-3.0-only\n"


def licence(package: Distribution) -> str:
    """Return the licence that a package declares, as an SPDX expression if possible."""
    fields = package.metadata.get_all
    named = [classifier.rpartition(" :: ")[2] for classifier in fields("Classifier", [])]
    known = " AND ".join(CLASSIFIERS[name] for name in named if name in CLASSIFIERS)
    expression: list[str] = fields("License-Expression", [])
    return next(iter([*expression, *filter(None, [known]), *fields("License", [])]), "none")


def is_allowed(expression: str) -> bool:
    """Return whether an SPDX expression allows shipping: every `AND`, one side of each `OR`."""
    return any(
        all(name.strip() in ALLOWED for name in re.split(r"\bAND\b", choice))
        for choice in re.split(r"\bOR\b", expression)
    )


def faults(packages: Iterable[Distribution]) -> list[str]:
    """Return a line for each package whose licence is not among those allowed."""
    terms_of = {installed.metadata["Name"]: licence(installed) for installed in packages}
    return [
        f"{name} is licensed {terms}" for name, terms in terms_of.items() if not is_allowed(terms)
    ]


def prove() -> None:
    """Raise ToolError unless the check refuses a test package."""
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder, "careless-1.dist-info", "METADATA")
        metadata.parent.mkdir()
        metadata.write_text(CARELESS, encoding="utf-8")
        if len(faults(distributions(path=[folder]))) != 1:
            raise ToolError("licences: the test package is accepted: the results cannot be trusted")


def check() -> str:
    """Return a line for the summary. Raises ToolError with each package that we must not ship."""
    prove()
    names = needed((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    try:
        found = faults(map(distribution, sorted(names)))
    except PackageNotFoundError as error:
        raise ToolError(f"licences: {error}: run this through make") from None
    if found:
        raise ToolError(f"licences: {'; '.join(found)}: tools/scan/licences.py has those allowed")
    return f"licences: {len(names)} packages of the image, each allowed"
