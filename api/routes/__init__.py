"""The routes: they translate between HTTP and the domain, and contain no business logic."""
