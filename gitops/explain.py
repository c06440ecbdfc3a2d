"""Why each rule is one: its page, for people who are told of a finding.

`gitops check --explain RULE` prints it, and docs/rules/ has it; both are made of gitops/rules/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from gitops.findings import RULES

SOURCES = Path(__file__).with_name("rules")


@dataclass(frozen=True)
class Example:
    """A part of a file, as it is found, and as it should be."""

    file: str
    bad: str
    good: str
    says: str  # the line of the output


@dataclass(frozen=True)
class Explanation:
    """What there is to say about a rule, in Markdown."""

    rule: str
    severity: str
    why: str
    finds: str
    example: Example
    mend: str

    @classmethod
    def of(cls, rule: str) -> Explanation:
        """Read the explanation of a rule."""
        text = (SOURCES / f"{rule}.yaml").read_text(encoding="utf-8")
        found = yaml.safe_load(text)
        return cls(rule=rule, **{**found, "example": Example(**found["example"])})


PAGE = """\
# `{it.rule}`: {what}

Severity: {it.severity}

{it.why}
## What is found

{it.finds}
## Example

In `{it.example.file}`:

```yaml
{it.example.bad}```

    {it.example.says}

It should be:

```yaml
{it.example.good}```

## How to mend it

{it.mend}"""
ACCEPTED = """
## If it is meant to be so

Say so at the line, or on the line above it, with the reason:

```yaml
# gitops: ignore RULE why it is meant to be so
```

Or in `gitops.yaml`, where `what` is a part of the message:

```yaml
accepted:
  - {rule: RULE, file: FILE, what: ..., reason: Why it is meant to be so.}
```
"""
OTHERS = """
[All rules](../gitops.md#what-check-finds)
"""


def page(rule: str) -> str:
    """Return the page of a rule, in Markdown."""
    it = Explanation.of(rule)
    accepted = ACCEPTED.replace("RULE", rule).replace("FILE", it.example.file)
    # That one is about exceptions.
    return PAGE.format(it=it, what=RULES[rule]) + accepted * (rule != "configuration") + OTHERS
