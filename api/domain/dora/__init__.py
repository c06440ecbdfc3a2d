"""The five DORA metrics (dora.dev), computed by pure functions, with an explanation of each number.

`report` is the entry point, `query` its input and `model` its output. `loading` reads from the
database what a window needs. In `rules`, `timelines`, `failures` and `first_deliveries` implement
the definitions in docs/metrics.md; `assessments` applies them to each deployment; `verdicts` states
what a deployment adds to each metric, and why. `figures` only sums up verdicts, so that a metric
and its explanation cannot differ.
"""
