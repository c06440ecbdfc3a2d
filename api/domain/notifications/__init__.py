"""Notifications: signed webhooks that tell subscribers what happens in the ledger.

They follow Standard Webhooks
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec). A delivery is written to
the outbox in the transaction that causes it, and sent by a separate process, so that a crash loses
none.
"""
