"""Zero configuration: under which Compose name the project in a directory runs, or would run."""

import os
import re
from pathlib import Path

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from workflows.errors import OrchestratorError
from workflows.models.target import ComposeProject


async def implicit_names(directory: Path, engine: DockerEngine, compose: ComposeRunner) -> tuple[str, ...]:
    """Names for the implicit project; several where the directory was started with several ``-p NAME``.

    The labels of containers come first, then the name Compose would choose. It never fails: what is
    wrong with daemon or files is told by the run's preflight.
    """
    places = _spellings(directory)
    running = await _running(places, engine)
    return running or (await _chosen(Path(places[0]), compose),)


def _spellings(directory: Path) -> tuple[str, ...]:
    """The directory as it was given, and with links followed: labels may hold either."""
    given = os.path.abspath(directory)  # noqa: PTH100 - Path has no call that keeps links
    return tuple(dict.fromkeys((given, os.path.realpath(given))))


async def _running(places: tuple[str, ...], engine: DockerEngine) -> tuple[str, ...]:
    names: set[str] = set()
    try:
        for place in places:
            names |= set(await engine.projects_in(place))
    except OrchestratorError:
        return ()
    return tuple(sorted(names))


async def _chosen(directory: Path, compose: ComposeRunner) -> str:
    call = ComposeProject(name="", working_dir=str(directory), config_files=())
    try:
        return (await compose.model(call)).name
    except OrchestratorError:
        return _from_directory(directory.name)


def _from_directory(name: str) -> str:
    """As Compose makes a project name of a directory's."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-") or "default"
