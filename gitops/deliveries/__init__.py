"""What Argo CD and Flux do to a build on its way to the cluster."""
