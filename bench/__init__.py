"""Benchmarks: what the ledger takes when it is large."""
