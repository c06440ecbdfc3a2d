"""The command-line tools behind the Makefile: secrets, deploy, probe, validate, scan."""
