"""Run the command line."""

from gitops.cli import main

main()
