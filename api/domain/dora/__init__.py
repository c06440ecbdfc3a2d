"""The five DORA metrics (dora.dev), computed from rows by pure functions, and explained.

`stretches`, `rows`, `incidents` and `contents` read what a window needs; `timelines`, `failures`
and `deliveries` hold the definitions; `verdicts` says what each adds to a metric and why,
and `assessments` asks that of each; `figures` only adds verdicts up, so that an explanation and its
number cannot differ. `models` is the shape of the answers, `report` the way in.
docs/metrics.md has the definitions in words.
"""
