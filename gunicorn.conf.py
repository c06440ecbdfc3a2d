"""How Gunicorn serves `api:application`; it reads this file by itself."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

try:
    from dotenv import load_dotenv
except ImportError:  # the image has no python-dotenv: its settings come from its platform
    pass
else:
    load_dotenv(".env")

from api import application
from api.logs import configuration

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

settings = application.extensions["settings"]

bind = "0.0.0.0:8888"
# One process, so that /metrics tells the whole of it; a pod scales by its replicas.
workers = 1
worker_class = "gthread"
threads = settings.THREADS
# The application opens nothing until the first request, so it can be loaded before the fork.
preload_app = True

# Kubernetes waits 40 s: 10 s before SIGTERM, in which the endpoints forget the pod, then these.
graceful_timeout = 20
# Longer than ingress controllers keep an idle connection (Traefik 90 s, ingress-nginx 60 s): closed
# from this side, it could be just when a request is on its way.
keepalive = 120
# A worker's heartbeat is a file that is written all the time: keep it off the disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# Nobody talks to a pod's server by its control socket, and its folder is read-only there.
control_socket_disable = True

# A header that is too long for what it says is then our own 422, which names it; what is longer
# still is Gunicorn's 431.
limit_request_field_size = 16 * 1024

# The application writes its own access lines, under any server.
accesslog = None
loglevel = settings.LOG_LEVEL
logconfig_dict = configuration(settings)


def on_starting(server: Arbiter) -> None:
    """End with one clear line when the address is taken, instead of trying for five seconds."""
    if "GUNICORN_FD" in os.environ:  # a reload takes over the sockets of its parent
        return
    for address in server.cfg.address:
        if not isinstance(address, tuple):
            continue
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(address)
            except OSError as error:
                host, port = address[:2]
                raise SystemExit(
                    f"slipway: cannot listen on {host}:{port} ({error.strerror});"
                    " choose another port (make run PORT=8889)"
                ) from error
