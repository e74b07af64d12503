"""The container this worker runs in, as the daemon sees it; there is none for a worker on the host.

Docker outside of Docker: the daemon resolves paths on its host, so what a path means in here matters only as
far as both see the same under it (COMPOSE fact 12).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import docker
from docker.errors import NotFound

from activities.adapters import docker_facts as facts
from activities.adapters.docker_client import DockerClient

OWN_MOUNTS = Path("/proc/self/mountinfo")
_CONTAINER = re.compile(r"/containers/([0-9a-f]{64})/(?:hostname|resolv\.conf|hosts)\b")
_DESKTOP = ("/host_mnt", "/run/desktop/mnt/host")
"""Where Docker Desktop's virtual machine has the paths of the real host."""


@dataclass(frozen=True)
class OwnContainer:
    """What the daemon knows of the worker's container."""

    project: str
    """Its Compose project; empty where Compose did not make it."""
    service: str
    mounts: tuple[facts.Mount, ...]

    def on_host(self, path: str) -> str | None:
        """Where the daemon's host has what this container sees under ``path``; None: nowhere."""
        inside = PurePosixPath(path)
        holding = [one for one in self.mounts if inside.is_relative_to(one.destination)]
        if not holding:
            return None
        mount = max(holding, key=lambda one: len(PurePosixPath(one.destination).parts))
        if mount.kind != "bind":
            return None
        source = next(
            (mount.source.removeprefix(at) for at in _DESKTOP if mount.source.startswith(f"{at}/")),
            mount.source,
        )
        return str(PurePosixPath(source) / inside.relative_to(mount.destination))


async def own_container(client: DockerClient, mountinfo: Path = OWN_MOUNTS) -> OwnContainer | None:
    """Asks the daemon about the container that this process's own mounts name.

    Raises:
        OrchestratorError: ``docker_unavailable``, ``docker_forbidden``.
    """
    container_id = container_id_in(_text(mountinfo))
    if container_id is None:
        return None

    def inspect(api: docker.APIClient) -> facts.Inspect | None:
        try:
            found: facts.Inspect = api.inspect_container(container_id)
        except NotFound:  # a container of another daemon: its mounts say nothing about this one
            return None
        return found

    inspected = await client.ask(inspect)
    return None if inspected is None else _read(inspected)


def container_id_in(mountinfo: str) -> str | None:
    """The id in the mounts that Docker makes in every container; None on a host."""
    found = _CONTAINER.search(mountinfo)
    return found[1] if found else None


def _read(inspected: facts.Inspect) -> OwnContainer:
    config = inspected.get("Config")
    labels = config.get("Labels") if isinstance(config, Mapping) else None
    known = labels if isinstance(labels, Mapping) else {}
    return OwnContainer(
        project=str(known.get(facts.PROJECT, "")),
        service=str(known.get(facts.SERVICE, "")),
        mounts=facts.mounts(inspected),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # no such thing on this system, so no container of Docker's either
        return ""
