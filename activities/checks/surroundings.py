"""What must be there around the project: Docker, Compose, directories that can be written, a store."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path

from packaging.version import Version

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.state_dir import StateDir
from activities.adapters.workspace import MINIMUM_FREE_BYTES, Workspace
from workflows.errors import OrchestratorError
from workflows.models.target import Target

OLDEST_COMPOSE = Version("2.30")


async def in_order(*questions: Coroutine[object, object, object]) -> None:
    """Ask everything at once; of several errors the first question's is raised, whoever was faster."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        for task in tasks:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def require_compose(compose: ComposeRunner) -> None:
    """Compose up to 2.29 changes the hash of services that have dependencies (COMPOSE fact 1).

    Raises:
        OrchestratorError: ``compose_too_old``, ``compose_missing``.
    """
    version = await compose.version()
    if version < OLDEST_COMPOSE:
        raise OrchestratorError("compose_too_old", version=version)


def check_directories(target: Target, state: StateDir) -> None:
    """Can the sources be written, and the journal beside them? Blocking file IO.

    Raises:
        OrchestratorError: ``workspace_owner_mismatch``, ``workspace_read_only``, ``disk_full``,
            ``state_dir_invalid``.
    """
    if target.build is None:
        return
    state.check_outside(Path(target.build.context))
    state.check_outside(Path(target.project.working_dir))
    for place in (target.build.context, str(Path(target.build.dockerfile).parent)):
        if Path(place).is_dir():
            Workspace(target.model_copy(update={"workspace": place})).check_writable()
    _check_free(state.root)


async def store_warnings(artifacts: ArtifactStore) -> tuple[str, ...]:
    """A store that is down does not stop a repair; its evidence waits in the spool (I6)."""
    try:
        await artifacts.check()
    except OrchestratorError as error:
        return (f"{error.message} Evidence is spooled and delivered later. {error.remedy}",)
    return ()


def _check_free(directory: Path) -> None:
    volume = os.statvfs(directory)
    free = volume.f_bavail * volume.f_frsize
    if free < MINIMUM_FREE_BYTES:
        needed = MINIMUM_FREE_BYTES >> 20
        raise OrchestratorError("disk_full", path=directory, detail=f"{free >> 20} MiB left, {needed} needed")
