"""Quantities of Kubernetes: 500m, 1.5T, 10Gi.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal

QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:[eE]([+-]?\d+)|([KMGTPE]i|[numkMGTPE]))?")
DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = "KMGTPE"


def quantity(text: object) -> Decimal | None:
    """Return the number that a quantity stands for; None if it is none."""
    found = QUANTITY.fullmatch(str(text))
    if not found:
        return None
    number, exponent, suffix = found.groups()
    if suffix and suffix.endswith("i"):
        return Decimal(number) * Decimal(1024) ** (BINARY.index(suffix[0]) + 1)
    return Decimal(number).scaleb(int(exponent or DECIMAL.get(suffix, 0)))
