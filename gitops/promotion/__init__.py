"""Releases on their way: promoted to the next environment, or taken back to an earlier one."""
