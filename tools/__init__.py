"""The command-line tools behind the Makefile: one package for each purpose, and what they share."""
