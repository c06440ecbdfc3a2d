"""A command line for Kustomize repositories; what is deployed, it does not know."""
