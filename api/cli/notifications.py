"""`flask notifications`: send the ledger's webhooks."""

from __future__ import annotations

import signal
from threading import Event

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from prometheus_client import start_http_server

from api.cli.failure import failing
from api.database import database
from api.notifier import Notifier

notifications = AppGroup("notifications", help="Send webhooks to subscribers.")


@notifications.command()
@click.option("--once", is_flag=True, help="Exit when nothing more is due, as for a cron job.")
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Serve Prometheus metrics on this port.",
)
@with_appcontext
def deliver(once: bool, metrics_port: int | None) -> None:
    """Send due webhooks, signed, until stopped; tidy up once an hour.

    Failed ones are retried with growing delays and given up after three days: GET
    /api/v1/deliveries?state=dead lists those. Several processes may run at once.
    """
    private_hosts = current_app.extensions["settings"].notification_private_hosts()
    notifier = Notifier(database(), private_hosts)
    if metrics_port is not None:
        with failing("the metrics cannot be served"):
            start_http_server(metrics_port, registry=notifier.registry)
    if once:
        with failing("not everything was sent"):
            while notifier.deliver_one():
                pass
            notifier.tidy_up()
        return
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with failing("the notifier stopped"):
        notifier.run(stopped)
