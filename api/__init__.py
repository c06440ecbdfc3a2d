"""The release ledger's HTTP API; `api:application` is the WSGI application."""

from api.app import create_app

application = create_app()
