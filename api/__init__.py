"""The release ledger's HTTP API; `api:application` is its WSGI entry."""

from api.app import create_app

application = create_app()
