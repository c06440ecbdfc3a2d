"""`flask notifications`: what sends the ledger's webhooks."""

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

notifications = AppGroup("notifications", help="Tell subscribers what happens in the ledger.")


@notifications.command()
@click.option("--once", is_flag=True, help="End when nothing more is due, as a cron job does.")
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Serve figures for Prometheus there.",
)
@with_appcontext
def deliver(once: bool, metrics_port: int | None) -> None:
    """Send what is due, signed, and go on until stopped.

    What fails is tried again, later each time, and given up after three days: GET
    /api/v1/deliveries?state=dead shows it. Several may run at once.
    """
    inside = current_app.extensions["settings"].notification_private_hosts()
    notifier = Notifier(database(), inside)
    if metrics_port is not None:
        start_http_server(metrics_port, registry=notifier.registry)
    if once:
        with failing("not everything was sent"):
            while notifier.deliver_one():
                pass
        return
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with failing("nothing more is sent"):
        notifier.run(stopped)
