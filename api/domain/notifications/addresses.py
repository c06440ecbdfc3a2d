"""Protection against SSRF: webhooks go to public addresses only, unless a setting names the host.

Otherwise a subscriber could make the ledger call the cluster's internal services or the cloud's
metadata endpoint. A name is resolved once for each delivery, all its addresses are checked, and the
connection is made to a checked one, so that DNS rebinding does not help.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection
from ipaddress import IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from api.domain.kit.deadlines import within

# IPv6 ranges that embed any IPv4 address: IPv4-compatible, IPv4-mapped, NAT64, Teredo and 6to4.
TRANSLATED = [
    IPv6Network(net) for net in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16")
]
MAX_URL = 2048
# A name that can be resolved (RFC 1123, section 2.1), with the underscores that some networks have.
# The last label is no number: resolvers take such a name for an IPv4 address.
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
HOST_NAME = re.compile(rf"(?:{LABEL}\.)*(?!(?:\d+|0x[0-9a-f]*)\.?$){LABEL}\.?")
MAX_HOST = 253
# How long to wait for the addresses of a name.
RESOLVE_S = 5.0


class RefusedError(ValueError):
    """Webhooks may not be sent to this address; the message says why."""


def parse(url: str, private_hosts: Collection[str]) -> SplitResult:
    """Split and check the URL of a subscription.

    `private_hosts` are the hosts that may have private addresses. Raises RefusedError.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedError("must be a URL") from error
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        raise RefusedError("must be a URL of printable ASCII characters")
    if not _is_address(host) and (
        "[" in parts.netloc or len(host) > MAX_HOST or not HOST_NAME.fullmatch(host)
    ):
        raise RefusedError(
            "must have a host name with labels of 1 to 63 letters, digits or hyphens"
        )
    if port == 0:  # nobody listens there
        raise RefusedError("must have a port from 1 to 65535")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise RefusedError("must not have a user name, a password or a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise RefusedError("must begin with https://")
    if host not in private_hosts and (is_loopback(host) or not _may_be_public(host)):
        raise RefusedError(
            "must not be a private address: SLIPWAY_NOTIFICATION_PRIVATE_HOSTS does not name it"
        )
    return parts


def resolve(host: str, port: int, private_hosts: Collection[str]) -> str:
    """Resolve a host to the address to connect to.

    Raises RefusedError if one of its addresses is private and `private_hosts` does not name the
    host, OSError if it has none, and TimeoutError if they are not known in time.
    """
    try:
        found = within(RESOLVE_S, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError as error:
        raise TimeoutError(f"{host} was not looked up within {RESOLVE_S:g} s") from error
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if host not in private_hosts:
        for address in addresses:
            if not is_public(address):
                raise RefusedError(f"{host} has the private address {address}")
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an IP address is public and unicast.

    Raises ValueError if it is not an IP address.
    """
    parsed = ip_address(address.partition("%")[0])
    if parsed.version == 6 and any(parsed in net for net in TRANSLATED):  # noqa: PLR2004
        return False
    return parsed.is_global and not parsed.is_multicast


def is_loopback(host: str) -> bool:
    """Return whether a host is `localhost` or a loopback address, without resolving it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost"


def _is_address(host: str) -> bool:
    """Return whether a host is an IP address, which is of no use with a zone of this machine."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:  # a name, which is resolved when something is sent
        return True
