"""The release ledger's HTTP API; `api:application` is the WSGI application."""

import gc

# What is imported stays: to look for garbage in it, meanwhile and at the end, takes a third of the
# time.
collecting = gc.isenabled()
gc.disable()

from api.app import create_app  # noqa: E402

application = create_app()

gc.freeze()
if collecting:
    gc.enable()
