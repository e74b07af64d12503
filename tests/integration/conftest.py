"""The steps on a real Compose project, ready for a test."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.state_dir import StateDir
from tests.conftest import ComposeFactory
from tests.integration.repair_host import RepairHost
from tests.integration.repair_stack import BROKEN, COMPOSE, DOCKERFILE, SERVER, HostFactory
from tests.integration.state_rig import FILES, RUN, Rig


@pytest.fixture
async def engine() -> AsyncIterator[DockerEngine]:
    """The daemon that the docker command reaches."""
    found = DockerEngine.from_environment(os.environ)
    yield found
    found.client.close()


@pytest.fixture
async def rig(compose_project: ComposeFactory, tmp_path: Path) -> AsyncIterator[Rig]:
    """The usual project; nothing is started yet."""
    made = Rig(compose_project(FILES), tmp_path)
    yield made
    await made.docker.release_hold(RUN)
    made.docker.client.close()


@pytest.fixture
async def host(compose_project: ComposeFactory, tmp_path: Path) -> AsyncIterator[HostFactory]:
    """A factory ``host(files, scale=1)``; what it holds is let go after the test."""
    made: list[RepairHost] = []

    def make(scale: int = 1, **files: str) -> RepairHost:
        named = {name.replace("__", "."): text for name, text in files.items()}
        base = {
            "compose.yaml": COMPOSE,
            "Dockerfile": DOCKERFILE,
            "server.py": SERVER,
            "requirements.txt": BROKEN,
        }
        sandbox = compose_project({**base, **named})
        made.append(RepairHost(sandbox, StateDir(tmp_path / f"state-{len(made)}"), scale=scale))
        return made[-1]

    yield make
    for one in made:
        await one.close()
