"""What runs left on the Docker daemon: held images, volumes that a renewal left, throwaway containers.

Nothing is looked at but what carries our own names and labels; a volume has neither, so only those are that
a run's own journal names, that nobody named and that no container uses.
"""

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import docker
from docker.errors import APIError, ImageNotFound

from activities.adapters.docker_client import DockerClient
from activities.adapters.docker_images import (
    HELD_REPOSITORY,
    HOLDER_PREFIX,
    PROJECT_LABEL,
    RUN_LABEL,
    SERVICE_LABEL,
)
from activities.adapters.leftovers import Kind, Leftover
from activities.adapters.throwaway import THROWAWAY_LABEL

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_ROLE = re.compile(r"-tagged$")
_DF_SECONDS = 30.0


@dataclass(frozen=True)
class DockerLeftovers:
    """Reads; what is found is removed by the adapters that made it.

    Raises:
        OrchestratorError: ``docker_unavailable``, ``docker_forbidden``.
    """

    client: DockerClient

    async def held(self) -> tuple[Leftover, ...]:
        """One per run that holds images, the one that held first comes first; sizes may overlap."""
        return await self.client.ask(_held)

    async def volumes(self, names: Iterable[str]) -> tuple[Leftover, ...]:
        """Of these, the ones that nobody named and no container uses."""
        wanted = frozenset(name for name in names if _ANONYMOUS.fullmatch(name))
        if not wanted:
            return ()
        return await self.client.ask(lambda api: _volumes(api, wanted), _DF_SECONDS)

    async def throwaways(self) -> tuple[Leftover, ...]:
        """Containers of dead workers whose time is over."""
        return await self.client.ask(_throwaways)


def _held(api: docker.APIClient) -> tuple[Leftover, ...]:
    sizes = {image["Id"]: int(image["Size"]) for image in api.images()}
    found: dict[str, Leftover] = {}
    for one in sorted(
        api.containers(all=True, filters={"label": RUN_LABEL}), key=lambda c: int(c["Created"])
    ):
        labels = one["Labels"]
        if (
            not any(name.startswith(f"/{HOLDER_PREFIX}") for name in one["Names"])
            or one["State"] != "created"
        ):
            continue  # not made by us, whatever its label says
        run_id, at = labels[RUN_LABEL], datetime.fromtimestamp(int(one["Created"]), UTC)
        size = max(sizes.get(one["ImageID"], 0), (found[run_id].size_bytes or 0) if run_id in found else 0)
        place = (labels.get(PROJECT_LABEL, ""), labels.get(SERVICE_LABEL, ""))
        found[run_id] = Leftover(Kind.HELD_IMAGE, f"{HELD_REPOSITORY}:{run_id}", at, size, run_id, *place)
    for image in api.images(name=HELD_REPOSITORY):  # tags whose container was pruned
        for tag in image.get("RepoTags") or ():
            run_id = _ROLE.sub("", tag.rpartition(":")[2])
            if run_id not in found:
                at = datetime.fromtimestamp(int(image["Created"]), UTC)
                found[run_id] = Leftover(Kind.HELD_IMAGE, f"{HELD_REPOSITORY}:{run_id}", at,
                                         int(image["Size"]), run_id)  # fmt: skip
    return tuple(found.values())


def _volumes(api: docker.APIClient, wanted: frozenset[str]) -> tuple[Leftover, ...]:
    unused = api.volumes(filters={"dangling": True}).get("Volumes") or ()
    mine = [volume for volume in unused if volume["Name"] in wanted]
    sizes = _sizes(api) if mine else {}
    return tuple(
        Leftover(Kind.VOLUME, one["Name"], _time(one.get("CreatedAt")), sizes.get(one["Name"]))
        for one in mine
    )


def _sizes(api: docker.APIClient) -> dict[str, int]:
    """Bytes by name; nothing where a proxy does not let us ask."""
    sizes: dict[str, int] = {}
    with suppress(APIError, KeyError, TypeError, ValueError):
        for volume in api.df().get("Volumes") or ():
            size = int((volume.get("UsageData") or {}).get("Size", -1))
            sizes |= {volume["Name"]: size} if size >= 0 else {}
    return sizes


def _throwaways(api: docker.APIClient) -> tuple[Leftover, ...]:
    found = []
    with suppress(APIError, ImageNotFound):  # one vanished while they were listed
        for one in api.containers(all=True, filters={"label": THROWAWAY_LABEL}):
            until = str(one["Labels"].get(THROWAWAY_LABEL, ""))
            if until.isdecimal() and int(until) < time.time():
                at = datetime.fromtimestamp(int(until), UTC)
                found.append(Leftover(Kind.CONTAINER, one["Names"][0].lstrip("/"), at))
    return tuple(found)


def _time(text: object) -> datetime:
    with suppress(ValueError):
        return datetime.fromisoformat(str(text))
    return datetime.now(UTC)
