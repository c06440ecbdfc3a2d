"""The command-line tools behind the Makefile, by purpose: a room each; what they share is here."""
