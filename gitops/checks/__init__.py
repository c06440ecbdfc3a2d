"""The checks of `gitops check`: a module for each kind of finding."""
