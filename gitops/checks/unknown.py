"""Values that cannot be judged here: somebody fills them in later, or they are ciphertext."""

from __future__ import annotations

import re
from collections.abc import Iterable

# `${VAR}` of Flux, `$(VAR)` of kustomize, ciphertext of SOPS, templates, and placeholders such as
# <name>, CHANGE_ME, @NAME@ and @{name}.
OPEN = re.compile(
    r"[$@]\{|\$\(|ENC\[[A-Z0-9]+_GCM|\{\{|<[^<>]+>|\bCHANGE[_-]?ME\b|@[A-Z_]+@|__[A-Z_]+__", re.I
)


SHORT = 4  # names of fewer letters are often one letter apart


def is_open(value: object) -> bool:
    """Tell whether a text is not its last value."""
    return isinstance(value, str) and bool(OPEN.search(value))


def is_misspelt(name: str, known: Iterable[str]) -> bool:
    """Tell whether a name that is not known is one letter away from one that is."""
    return any(is_one_letter_away(name, each) for each in known)


def is_one_letter_away(one: str, other: str) -> bool:
    """Tell whether two names differ by a letter too many, missing, wrong, or two swapped.

    Numbers are no letters: `shop-1` and `shop-2` are two names. Neither is a plural misspelt.
    """
    if one == other or abs(len(one) - len(other)) > 1 or min(len(one), len(other)) < SHORT:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:  # one of them has a letter more at its end
        longer = max(one, other, key=len)
        return longer[-1].isalpha() and longer[-1] != "s"
    a, b = one[start:], other[start:]
    if a[1:] == b[1:]:
        return a[0].isalpha() and b[0].isalpha()
    swapped = len(a) > 1 and len(b) > 1 and (a[0], a[1]) == (b[1], b[0]) and a[2:] == b[2:]
    inserted = (a[1:] == b and a[0].isalpha()) or (a == b[1:] and b[0].isalpha())
    return swapped or inserted
