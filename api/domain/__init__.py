"""What the ledger knows and decides; it knows tables, and nothing of HTTP."""
