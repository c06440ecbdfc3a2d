"""What `gitops check` found, for people and for machines: a module for each format."""
