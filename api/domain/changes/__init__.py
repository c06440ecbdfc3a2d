"""Changes: commits of a service, and the order of the versions that contain them."""
