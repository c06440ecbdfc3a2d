"""The parts of a release: version, changelog, contents and signatures."""
