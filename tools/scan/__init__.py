"""Scan the overlays and the Dockerfile; k8s/exceptions.yaml has what is excused."""
