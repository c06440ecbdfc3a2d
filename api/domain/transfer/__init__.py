"""Moving a ledger: to and from JSON Lines, one object a line."""
