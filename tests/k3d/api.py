"""The engine's HTTP API, as far as K3d asks for it: https://docs.docker.com/reference/api/engine/"""

import base64
import io
import json
import tarfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from tests.k3d.engine import Engine, RefusedError, matches
from tests.k3d.k3s import LOGS
from tests.k3d.server import Handler, listening

VERSION = "1.44"
INFO = {
    "ServerVersion": "25.0.0",
    "OperatingSystem": "Linux",
    "OSType": "linux",
    "Architecture": "x86_64",
    "CgroupVersion": "2",
    "Name": "make-believe",
}


def create(handler: Handler) -> None:
    """Create a container."""
    made = handler.engine.create(handler.query["name"], handler.json())
    handler.reply({"Id": made.id, "Warnings": []}, HTTPStatus.CREATED)


def pull(handler: Handler) -> None:
    """Pull an image, whatever it is."""
    handler.engine.images.add(f"{handler.query['fromImage']}:{handler.query['tag']}")
    handler.reply({})


def containers(handler: Handler) -> None:
    """List containers."""
    lines = [each.listed() for each in handler.engine.containers.values()]
    wanted = handler.wanted()
    handler.reply([each for each in lines if matches(each["Names"], each["Labels"], wanted)])


def networks(handler: Handler) -> None:
    """List networks."""
    found = handler.engine.networks.values()
    wanted = handler.wanted()
    handler.reply([each.told() for each in found if matches([each.name, each.id], {}, wanted)])


def make_network(handler: Handler) -> None:
    """Create a network."""
    asked = handler.json()
    handler.reply({"Id": handler.engine.make_network(asked["Name"], asked).id}, HTTPStatus.CREATED)


def connect(handler: Handler, which: str) -> None:
    """Connect a container to a network."""
    container = handler.engine.container(handler.json()["Container"])
    handler.engine.network(which).connect(container.name)
    handler.reply()


def make_volume(handler: Handler) -> None:
    """Create a volume."""
    asked = handler.json()
    handler.engine.volumes[asked["Name"]] = asked
    handler.reply(asked, HTTPStatus.CREATED)


def volumes(handler: Handler) -> None:
    """List volumes."""
    found = handler.engine.volumes.values()
    wanted = handler.wanted()
    named = [each for each in found if matches([each["Name"]], each["Labels"], wanted)]
    handler.reply({"Volumes": named})


def logs(handler: Handler, which: str) -> None:
    """Return what a container that runs has said."""
    container = handler.engine.container(which)
    handler.reply(LOGS.get(container.role, "").encode() if container.started else b"")


def put(handler: Handler, which: str) -> None:
    """Write the files of an archive into a container."""
    container = handler.engine.container(which)
    with tarfile.open(fileobj=io.BytesIO(handler.body)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content:
                folder = handler.query["path"].rstrip("/")
                container.files[f"{folder}/{member.name.lstrip('/')}"] = content.read()
    handler.reply({})


def get(handler: Handler, which: str) -> None:
    """Return a file of a container as an archive."""
    path = handler.query["path"]
    content = handler.engine.container(which).files.get(path)
    if content is None:
        raise RefusedError(f"Could not find the file {path}")
    member = tarfile.TarInfo(Path(path).name)
    member.size = len(content)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as writing:
        writing.addfile(member, io.BytesIO(content))
    stat = json.dumps({"name": member.name, "size": member.size, "mode": 0o644}).encode()
    handler.reply(archive.getvalue(), X_Docker_Container_Path_Stat=base64.b64encode(stat).decode())


def execute(handler: Handler, which: str) -> None:
    """Note a command for a container."""
    handler.engine.container(which)
    command = uuid.uuid4().hex
    handler.engine.executed[command] = handler.json()["Cmd"]
    handler.reply({"Id": command}, HTTPStatus.CREATED)


def attach(handler: Handler, _command: str) -> None:
    """Give the connection to a command, which has nothing to say and ends."""
    handler.send_response(HTTPStatus.SWITCHING_PROTOCOLS)
    handler.send_header("Connection", "Upgrade")
    handler.send_header("Upgrade", "tcp")
    handler.end_headers()
    handler.close_connection = True


def done(change: Callable[..., object]) -> Callable[..., None]:
    """Return a route that makes a change and has nothing to tell."""

    def route(handler: Handler, *which: str) -> None:
        change(handler.engine, *which)
        handler.reply(status=HTTPStatus.NO_CONTENT)

    return route


ROUTES: tuple[tuple[str, str, Callable[..., None]], ...] = (
    ("HEAD", "/_ping", lambda handler: handler.reply(b"", Api_Version=VERSION, OSType="linux")),
    ("GET", "/_ping", lambda handler: handler.reply(b"OK", Api_Version=VERSION, OSType="linux")),
    ("GET", "/info", lambda handler: handler.reply(INFO)),
    ("POST", "/images/create", pull),
    ("GET", "/containers/json", containers),
    ("POST", "/containers/create", create),
    ("GET", "/containers/([^/]+)/json", lambda each, it: each.reply(each.engine.inspect(it))),
    ("GET", "/containers/([^/]+)/logs", logs),
    ("POST", "/containers/([^/]+)/start", done(Engine.start)),
    ("DELETE", "/containers/([^/]+)", done(Engine.remove)),
    ("PUT", "/containers/([^/]+)/archive", put),
    ("GET", "/containers/([^/]+)/archive", get),
    ("POST", "/containers/([^/]+)/exec", execute),
    ("POST", "/exec/([^/]+)/start", attach),
    ("GET", "/exec/([^/]+)/json", lambda each, it: each.reply({"ID": it, "ExitCode": 0})),
    ("GET", "/networks", networks),
    ("POST", "/networks/create", make_network),
    ("GET", "/networks/([^/]+)", lambda each, it: each.reply(each.engine.network(it).told())),
    ("DELETE", "/networks/([^/]+)", done(Engine.remove_network)),
    ("POST", "/networks/([^/]+)/connect", connect),
    ("GET", "/volumes", volumes),
    ("GET", "/volumes/([^/]+)", lambda each, it: each.reply(each.engine.volumes[it])),
    ("DELETE", "/volumes/([^/]+)", done(lambda engine, it: engine.volumes.pop(it))),
    ("POST", "/volumes/create", make_volume),
)


class Api(Handler):
    """A connection that knows the routes."""

    routes = ROUTES


@contextmanager
def served() -> Iterator[tuple[Engine, str]]:
    """Serve an engine; give it, and its address for DOCKER_HOST."""
    engine = Engine()
    with listening(engine, Api) as address:
        yield engine, address
