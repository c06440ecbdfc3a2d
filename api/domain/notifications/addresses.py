"""Where a notification may be sent: not to whatever is inside, unless a setting names the host.

Who may subscribe could otherwise have the ledger call the cluster's own services or the cloud's
metadata. A name is looked up once for each delivery, all its addresses are looked at, and the
connection is made to one of these, so that a second look-up cannot say something else.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from ipaddress import IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

# They stand for IPv4 addresses, whichever: mapped, NAT64, Teredo and 6to4.
TRANSLATED = [
    IPv6Network(net) for net in ("::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16")
]
MAX_URL = 2048


class RefusedError(ValueError):
    """Nothing is sent there; the message says why."""


def parse(url: str, inside: Collection[str]) -> SplitResult:
    """Return the parts of a URL to send to; `inside` are the hosts that may be inside.

    Raises RefusedError.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedError("must be a URL") from error
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        raise RefusedError("must be a URL of printable ASCII characters")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise RefusedError("must have neither a user, nor a password, nor a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise RefusedError("must begin with https://")
    if host not in inside and (is_loopback(host) or not _may_be_outside(host)):
        raise RefusedError("must be outside: SLIPWAY_NOTIFICATION_PRIVATE_HOSTS does not name it")
    return parts


def resolve(host: str, port: int, inside: Collection[str]) -> str:
    """Return the address of a host to connect to.

    Raises RefusedError where one of its addresses is inside and the host is not allowed to be, and
    OSError where it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if host not in inside:
        for each in addresses:
            if not is_outside(each):
                raise RefusedError(f"{host} has the address {each}, which is inside")
    return addresses[0]


def is_outside(address: str) -> bool:
    """Say whether an address is one of the Internet's."""
    parsed = ip_address(address.partition("%")[0])
    if parsed.version == 6 and any(parsed in net for net in TRANSLATED):  # noqa: PLR2004
        return False
    return parsed.is_global and not parsed.is_multicast


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, by its name or its address alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _may_be_outside(host: str) -> bool:
    try:
        return is_outside(host)
    except ValueError:  # a name, which is looked up when something is sent
        return True
