"""The five DORA metrics (dora.dev), computed by pure functions, with an explanation of each number.

`report` is the entry point, `query` its input and `model` its output. In `rules`, `timelines`,
`failures` and `first_deliveries` implement the definitions in docs/metrics.md; `verdicts` states
what a deployment adds to each metric, and why. `kept` keeps what the former say of each deployment,
for which `loading` reads what a part of the history depends on; `figures` adds up the kept rows and
`assessments` explains them, both by the same verdicts, so that a metric and its explanation cannot
differ.
"""
