"""Building blocks that every feature uses and that know nothing of releases."""
