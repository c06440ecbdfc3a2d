"""The five DORA metrics (dora.dev), computed from rows by pure functions, and explained.

`stretches` and `rows` read what a window needs; `timelines`, `failures`, `recoveries`, `versions`
and `deliveries` hold the definitions; `verdicts` says of each deployment what it adds to each
metric and why; `figures` only adds verdicts up, so that an explanation and its number cannot
differ. `report` is the way in. docs/metrics.md has the definitions in words.
"""
