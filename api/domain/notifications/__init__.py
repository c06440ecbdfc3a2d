"""Notifications: what happens in the ledger, told to those who subscribe, by signed webhooks.

Standard Webhooks, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec. What is to
be told is written in the transaction that causes it, and delivered by a process of its own: a
crash between the two loses nothing.
"""
