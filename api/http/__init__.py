"""HTTP concerns that all routes share, such as authentication, errors and rate limits."""
