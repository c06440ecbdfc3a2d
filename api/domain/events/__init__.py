"""Events: what delivery tools send, kept as it came and projected into the ledger."""
