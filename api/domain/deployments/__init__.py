"""Deployments: what was deployed where, by whom, and what became of it.

`model` is what a report says, `reports` and `transitions` write, `store` reads; `kinds` decides
what each deployment was, and `correlation` and `settling` join what several senders state of one.
"""
