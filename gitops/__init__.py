"""A command line for any Kustomize repository."""
