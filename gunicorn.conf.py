"""Configure how Gunicorn serves `api:application`; it reads this file by default."""

from __future__ import annotations

import gc
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

try:
    from dotenv import load_dotenv
except ImportError:  # not in the image, where the platform sets the environment
    pass
else:
    load_dotenv(".env")

from api import application
from api.logs import configuration, log_start

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

settings = application.extensions["settings"]

bind = "0.0.0.0:8888"
# One process, because /metrics has the figures of one process; scale by replicas.
workers = 1
worker_class = "api.worker.Worker"
threads = settings.THREADS
# The application opens nothing until the first request, so it can be loaded before the fork.
preload_app = True

# Kubernetes waits 40 s: 10 s before SIGTERM, while the endpoints remove the pod, then these 20 s.
graceful_timeout = 20
# Longer than ingress controllers keep an idle connection (Traefik 90 s, ingress-nginx 60 s): if
# Gunicorn closed it first, a request could already be on its way.
keepalive = 120
# The heartbeat of a worker is a file that is written constantly: keep it off the disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# The control socket is not used, and in a pod its folder is read-only.
control_socket_disable = True

# Above the default, so that our own 422, which names the header, answers most headers that are too
# long; beyond this size Gunicorn answers 431.
limit_request_field_size = 16 * 1024

# Nobody may move the application to another path; a header that tries is dropped, not a 500.
forwarder_headers = ""

# A file is sent like any other response, so that its client is waited for like any other.
sendfile = False

# The application logs its requests itself, under any server.
accesslog = None
loglevel = settings.LOG_LEVEL
logconfig_dict = configuration(settings)


def on_starting(server: Arbiter) -> None:
    """Exit with one clear line if the address is in use, instead of retrying for five seconds."""
    if "GUNICORN_FD" in os.environ:  # a reload inherits the sockets of its parent
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


def when_ready(_server: Arbiter) -> None:
    """Log what is served, once for all workers, and leave what is loaded to them for good."""
    log_start(settings)
    # A full garbage collection, which stops all threads, would go through all of it in vain: that
    # takes four times as long as what requests leave behind.
    gc.collect()
    gc.freeze()
