"""Events: what delivery tools send, stored as received and projected into the ledger."""
