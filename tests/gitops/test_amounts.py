"""Amounts that the cluster refuses, or that contradict one another."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from gitops.checks import amounts
from gitops.quantities import quantity
from tests.gitops.judged import context


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("1", "1"),
        (2, "2"),
        (0.5, "0.5"),
        ("1.5T", "1.5e12"),
        ("10Gi", str(10 * 2**30)),
        ("1e3", "1000"),
        ("1E-3", "0.001"),
        ("1E", "1e18"),
        (".5", "0.5"),
        ("100n", "1e-7"),
        ("128mb", None),
        ("128 Mi", None),
        ("1OO", None),
        ("", None),
        ("12K", None),  # a thousand is k
    ],
)
def test_a_quantity_stands_for_a_number(text: object, number: str | None) -> None:
    assert quantity(text) == (None if number is None else Decimal(number))


def container(resources: str) -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  template:
    spec:
      containers:
        - {{name: app, image: shop, resources: {resources}}}
"""


def claim(size: str) -> str:
    return (
        "kind: PersistentVolumeClaim\nmetadata: {name: data}\n"
        f"spec: {{resources: {{requests: {{storage: {size}}}}}}}\n"
    )


def scaler(least: object, most: object) -> str:
    return (
        "kind: HorizontalPodAutoscaler\nmetadata: {name: shop}\n"
        f"spec: {{minReplicas: {least}, maxReplicas: {most}}}\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (container("{requests: {memory: 1Gi}, limits: {memory: 512Mi}}"), "1Gi is above its limit"),
        (container("{requests: {cpu: 1}, limits: {cpu: 500m}}"), "cpu 1 is above its limit 500m"),
        (container("{requests: {cpu: 500m}, limits: {cpu: 0.5}}"), ""),
        (container("{requests: {memory: 1Gi}}"), ""),
        (container("{limits: {memory: 128mb}}"), "limits: memory 128mb is no quantity"),
        (container("{limits: {memory: 128m}}"), "memory 128m is a part of a byte"),
        (container("{limits: {memory: 0.5}}"), "memory 0.5 is a part of a byte"),
        (container("{requests: {cpu: 1OOm}}"), "requests: cpu 1OOm is no quantity"),
        (container('{requests: {cpu: "${CPU}"}, limits: {cpu: 1}}'), ""),
        (container("{requests: [cpu]}"), ""),
        (claim("10Gi"), ""),
        (claim("10GB"), "storage 10GB is no quantity"),
        (scaler(3, 2), "minReplicas is 3, and maxReplicas is 2"),
        (scaler(2, 2), ""),
        (scaler("'${LEAST}'", 2), ""),
    ],
)
def test_an_amount_that_the_cluster_refuses_is_an_error(
    tmp_path: Path, text: str, said: str
) -> None:
    found = list(amounts.check(context(tmp_path, {"prod": text})))
    assert bool(found) == bool(said)
    assert all(one.severity == "error" for one in found)
    assert said in "".join(one.message for one in found[:1])


def test_what_the_cluster_rounds_up_is_a_warning(tmp_path: Path) -> None:
    (found,) = amounts.check(context(tmp_path, {"prod": claim("1.7Ti")}))
    assert found.severity == "warning"
    assert "storage 1.7Ti is no whole number of bytes" in found.message
