"""k8s/exceptions.yaml: which controls may fail, why, who owns that, and until when."""

import re
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from tools.command import ROOT, ToolError
from tools.scan.material import Place
from tools.scan.scanner import Finding, Found, Scanner

EXCEPTIONS = ROOT / "k8s" / "exceptions.yaml"
OBJECT = re.compile(r"[A-Z][A-Za-z]+/[a-z0-9.-]+")  # any other name is a file's
LONGEST = timedelta(days=366)  # or nobody would look at an exception again


class Exemption(BaseModel):
    """An entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    control: str = Field(min_length=1)
    object: str = Field(min_length=1)
    overlays: list[str] = []
    reason: str = Field(min_length=20)
    owner: str = Field(min_length=1)
    expires: date

    @model_validator(mode="after")
    def names_overlays_of_objects_only(self) -> Self:
        """Refuse an object that is in no overlay, and a file that is in one."""
        if bool(OBJECT.fullmatch(self.object)) != bool(self.overlays):
            raise ValueError("overlays: an object is in at least one, a file in none")
        return self

    def findings(self) -> set[Finding]:
        """Return the findings that this excuses."""
        return {Finding(Place(env, self.object), self.control) for env in self.overlays or [""]}


def read(path: Path = EXCEPTIONS) -> list[Exemption]:
    """Return the exceptions of a file. Raises ToolError with every fault in it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(list[Exemption]).validate_python(content)
    except ValidationError as error:
        errors = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise ToolError(f"{path.name}: {'; '.join(errors)}") from None
    except (OSError, yaml.YAMLError) as error:
        raise ToolError(f"{path.name}: {error}") from None


def of(scanner: Scanner, exemptions: Collection[Exemption]) -> list[Exemption]:
    """Return the exceptions that are about a scanner's controls."""
    return [exemption for exemption in exemptions if scanner.CONTROLS.match(exemption.control)]


def faults(
    found: Found,
    exemptions: Collection[Exemption],
    today: date,
    unjudged: Collection[Exemption] = (),
) -> list[str]:
    """Return a line for each finding without an exception, and each exception to remove.

    The exceptions of a scanner that did not run are unjudged: only their dates are checked.
    """
    excused = {finding for exemption in exemptions for finding in exemption.findings()}
    lines = [
        f"{finding.place} fails {finding.control}: {message}"
        for finding, message in sorted(found.items())
        if finding not in excused
    ]
    for exemption in exemptions:
        which = f"the exception of {exemption.control} for {exemption.object}"
        if exemption.expires < today:
            lines.append(
                f"{which} expired on {exemption.expires}: fix it, or ask {exemption.owner}"
            )
        if exemption.expires > today + LONGEST:
            lines.append(f"{which} expires on {exemption.expires}, more than a year ahead")
        if exemption not in unjudged:
            idle = sorted(exemption.findings() - found.keys())
            lines += [f"{which} excuses nothing{where(finding)}: remove it" for finding in idle]
    return lines


def where(finding: Finding) -> str:
    """Return in which overlay a finding is; a file is in none."""
    return f" in {finding.place.overlay}" if finding.place.overlay else ""
