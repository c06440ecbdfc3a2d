"""What a make-believe Docker engine has: containers that run nothing, networks and volumes."""

import ipaddress
import itertools
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from tests.k3d.k3s import FILES

Json = dict[str, Any]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what a port is bound to if nobody says


class RefusedError(Exception):
    """What an engine says of a request that it does not do."""

    def __init__(self, why: str, status: HTTPStatus = HTTPStatus.NOT_FOUND) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class Network:
    """A bridge, and the address that each container has on it."""

    name: str
    asked: Json
    number: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    addresses: dict[str, str] = field(default_factory=dict)

    def told(self) -> Json:
        """Return what an engine tells of it."""
        prefix = f"172.{self.number}.0"
        return {
            "Name": self.name,
            "Id": self.id,
            "Driver": "bridge",
            "IPAM": {"Config": [{"Subnet": f"{prefix}.0/16", "Gateway": f"{prefix}.1"}]},
            "Containers": {
                name: {"Name": name, "IPv4Address": f"{address}/16"}
                for name, address in self.addresses.items()
            },
        }

    def connect(self, container: str) -> None:
        """Give a container the next address."""
        self.addresses[container] = f"172.{self.number}.0.{len(self.addresses) + 2}"


@dataclass
class Container:
    """What a container was asked to be, and what has become of it."""

    name: str
    asked: Json
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    files: dict[str, bytes] = field(default_factory=dict)
    started: str = ""

    @property
    def role(self) -> str:
        """What it is in a cluster of K3d."""
        return str(self.asked["Labels"].get("k3d.role", ""))

    @property
    def ports(self) -> dict[str, list[str]]:
        """The addresses of the machine that lead to each port of it."""
        return {
            port: [f"{each['HostIp'] or EVERYWHERE}:{each['HostPort']}" for each in bindings]
            for port, bindings in (self.asked["HostConfig"]["PortBindings"] or {}).items()
        }

    def listed(self) -> Json:
        """Return the line of a list of containers."""
        state = "running" if self.started else "created"
        told = {"Id": self.id, "Names": [f"/{self.name}"], "State": state}
        return told | {"Image": self.asked["Image"], "Labels": self.asked["Labels"]}


class Engine:
    """An engine without images, which can pull any."""

    def __init__(self) -> None:
        self.images: set[str] = set()
        self.containers: dict[str, Container] = {}
        self.networks = {"bridge": Network("bridge", {}, 17)}
        self.volumes: dict[str, Json] = {}
        self.executed: dict[str, list[str]] = {}
        self.unknown: list[str] = []
        self._numbers = itertools.count(18)

    def container(self, which: str) -> Container:
        """Return a container by its name or id."""
        for each in self.containers.values():
            if which in {each.name, each.id}:
                return each
        raise RefusedError(f"No such container: {which}")

    def network(self, which: str) -> Network:
        """Return a network by its name or id."""
        for each in self.networks.values():
            if which in {each.name, each.id}:
                return each
        raise RefusedError(f"network {which} not found")

    def create(self, name: str, asked: Json) -> Container:
        """Make a container of an image that was pulled."""
        if asked["Image"] not in self.images:
            raise RefusedError(f"No such image: {asked['Image']}")
        if name in self.containers:
            raise RefusedError(f"{name} is already in use", HTTPStatus.CONFLICT)
        made = Container(name, asked)
        bound = {address for each in self.containers.values() for address in addresses(each)}
        for address in addresses(made):
            if address in bound:
                raise RefusedError(f"{address} is allocated", HTTPStatus.INTERNAL_SERVER_ERROR)
        for network in map(self.network, asked["NetworkingConfig"]["EndpointsConfig"]):
            network.connect(name)
        self.containers[name] = made
        return made

    def start(self, which: str) -> None:
        """Have a container run: it has its files and says that it is up."""
        container = self.container(which)
        container.started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        if container.role == "server":
            container.files = FILES | container.files

    def inspect(self, which: str) -> Json:
        """Return all of a container."""
        found = self.container(which)
        networks = {
            each.name: {"IPAddress": each.addresses[found.name], "NetworkID": each.id}
            for each in self.networks.values()
            if found.name in each.addresses
        }
        state = {"Running": bool(found.started), "Status": found.listed()["State"]}
        return found.listed() | {
            "Name": f"/{found.name}",
            "Created": found.started,
            "Args": found.asked["Cmd"],
            "State": state | {"StartedAt": found.started},
            "Config": found.asked,
            "HostConfig": found.asked["HostConfig"],
            "NetworkSettings": {"Networks": networks},
        }

    def make_network(self, name: str, asked: Json) -> Network:
        """Make a network with addresses of its own."""
        self.networks[name] = Network(name, asked, next(self._numbers))
        return self.networks[name]

    def remove_network(self, which: str) -> None:
        """Remove a network that nothing is on."""
        network = self.network(which)
        if network.addresses:
            raise RefusedError("network has active endpoints", HTTPStatus.FORBIDDEN)
        del self.networks[network.name]

    def remove(self, which: str) -> None:
        """Remove a container from its networks, and then altogether."""
        container = self.container(which)
        for network in self.networks.values():
            network.addresses.pop(container.name, None)
        del self.containers[container.name]


def addresses(container: Container) -> Iterator[str]:
    """Yield where on the machine a container listens. Refuses what is no address with a port."""
    for bound in itertools.chain.from_iterable(container.ports.values()):
        host, _, port = bound.rpartition(":")
        if not (port.isdecimal() and 0 < int(port) < 1 << 16 and is_address(host)):
            raise RefusedError(f"invalid address {bound}", HTTPStatus.BAD_REQUEST)
        yield bound


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def matches(names: list[str], labels: Json, wanted: Json) -> bool:
    """Tell whether something is what a list was asked for: `label=value`, or part of a name."""
    known = {f"{name}={value}" for name, value in labels.items()}
    patterns = wanted.get("name", {}) | wanted.get("id", {})
    return set(wanted.get("label", {})) <= known | set(labels) and all(
        any(re.search(pattern, name) for name in names) for pattern in patterns
    )
