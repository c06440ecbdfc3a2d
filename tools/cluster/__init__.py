"""What make does with a cluster: deploy, probe, prune, and create Secrets."""
