"""A command line for any Kustomize repository."""

__version__ = "0.1.0"  # that of the release
