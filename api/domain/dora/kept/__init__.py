"""Rows that are kept of what the metrics are made of, so that figures are sums over them.

They are computed by `rules`, for the part of the history that what has changed can concern:
`changed` says what has, `failing` and `delivering` compute the rows anew.
"""
