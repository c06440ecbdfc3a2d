"""What a release is made of: version, changelog, contents, signatures, and how to verify them."""
