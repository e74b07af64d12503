"""Networks and volumes of a Compose project: what a run made where nothing was before it."""

from collections.abc import Callable
from dataclasses import dataclass

import docker
from docker.errors import APIError, NotFound

from activities.adapters.docker_client import DockerClient
from activities.adapters.docker_facts import PROJECT

DaemonRefused = APIError
"""The daemon answered with an error of its own: a port that is taken, an image that cannot start."""


def refusal(error: APIError) -> str:
    """The daemon's own words, cut to a quotable length."""
    return f"Docker refused: {str(error.explanation or error)[:300]}"


@dataclass(frozen=True)
class ProjectResources:
    """Reads them by Compose's label; removes one only if nothing uses it."""

    client: DockerClient

    async def networks(self, project: str) -> tuple[str, ...]:
        """Names of the project's networks."""

        def read(api: docker.APIClient) -> tuple[str, ...]:
            found = api.networks(filters={"label": f"{PROJECT}={project}"})
            return tuple(sorted(str(network["Name"]) for network in found))

        return await self.client.ask(read)

    async def volumes(self, project: str) -> tuple[str, ...]:
        """Names of the project's named volumes."""

        def read(api: docker.APIClient) -> tuple[str, ...]:
            found = api.volumes(filters={"label": f"{PROJECT}={project}"}).get("Volumes")
            return tuple(sorted(str(volume["Name"]) for volume in found or ()))

        return await self.client.ask(read)

    async def remove_network(self, name: str) -> bool:
        """Remove a network; False where a container uses it. Fine where it is gone."""
        return await self.client.change(lambda api: _removed(lambda: api.remove_network(name)))

    async def remove_volume(self, name: str) -> bool:
        """Remove a volume; False where a container uses it. Fine where it is gone."""
        return await self.client.change(lambda api: _removed(lambda: api.remove_volume(name)))


def _removed(remove: Callable[[], object]) -> bool:
    try:
        remove()
    except NotFound:
        return True
    except APIError as error:
        if error.status_code in {403, 409}:  # in use: 403 for networks, 409 for volumes
            return False
        raise
    return True
