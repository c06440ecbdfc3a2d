"""Benchmarks of large ledgers, floods of events, `gitops check` and the start of an image."""
