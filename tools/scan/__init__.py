"""Scan the overlays, the Dockerfile and the workflows; k8s/exceptions.yaml has what is excused."""
