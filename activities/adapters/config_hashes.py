"""The hash that Compose labels a container with, also where the service joins another one's namespaces.

Before it creates a container, Compose puts the id of the joined container in the place of
``service:NAME`` (``network_mode``, ``ipc``, ``pid``) and of the names under ``volumes_from``, and hashes
that (measured with 2.40.3). ``config --hash`` knows no containers, so they are put in here first.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from workflows.models.target import ComposeProject

_NAMESPACES = ("network_mode", "ipc", "pid")
_SERVICE = "service:"
_CONTAINER = "container:"


async def deployed_config_hash(
    compose: ComposeRunner, engine: DockerEngine, project: ComposeProject, service: str
) -> str:
    """What the label of the service's containers would be if they were created now.

    Raises:
        OrchestratorError: ``compose_invalid``, ``docker_unavailable``.
    """
    resolved = await compose.resolved(project)  # holds secrets: passed on, never stored
    ids = {}
    for name in joined_services(resolved, service):
        if containers := await engine.containers(project.name, name):
            ids[name] = containers[0].id
    return await compose.resolved_config_hash(project, service, with_containers(resolved, service, ids))


def joined_services(resolved: str, service: str) -> tuple[str, ...]:
    """Services of the resolved model whose namespaces or volumes this one uses, sorted."""
    return tuple(sorted(set(_joined(json.loads(resolved)["services"].get(service, {})))))


def with_containers(resolved: str, service: str, ids: Mapping[str, str]) -> str:
    """The resolved model with container ids where Compose puts them, without modes such as ``:ro``."""
    model = json.loads(resolved)
    one = model["services"].get(service, {})
    for key in _NAMESPACES:
        name = str(one.get(key) or "").removeprefix(_SERVICE)
        if name in ids and one[key].startswith(_SERVICE):
            one[key] = _CONTAINER + ids[name]
    if "volumes_from" in one:
        one["volumes_from"] = [_container_of(str(entry), ids) for entry in one["volumes_from"]]
        # Compose insists that each name is a service's; the hash of this service does not cover that one
        model["services"] = {name: {"image": "none"} for name in one["volumes_from"]} | model["services"]
    return json.dumps(model)


def _joined(one: Mapping[str, Any]) -> Iterator[str]:
    for key in _NAMESPACES:
        mode = str(one.get(key) or "")
        if mode.startswith(_SERVICE):
            yield mode.removeprefix(_SERVICE)
    for entry in one.get("volumes_from") or ():
        if not str(entry).startswith(_CONTAINER):
            yield str(entry).partition(":")[0]


def _container_of(entry: str, ids: Mapping[str, str]) -> str:
    name = entry.removeprefix(_CONTAINER).partition(":")[0]
    return name if entry.startswith(_CONTAINER) else ids.get(name, name)
