"""Which daemon the Docker adapter speaks to, and how it speaks of one that is not there."""

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from activities.adapters.docker_engine import DockerEngine
from tests.integration.preflight_host import fake_docker
from workflows.errors import OrchestratorError


async def test_command_and_api_reach_the_same_daemon(engine: DockerEngine):
    """Both are asked at once; the id is the daemon's own."""
    info = await engine.check_cli()
    assert info.id
    assert info == await engine.info()


async def test_a_daemon_whose_default_network_is_not_told_is_known_by_its_own_id(tmp_path: Path):
    """It has none, a proxy refuses, or it has just restarted and has another one."""
    for place, answer in (("fails", "exit 1"), ("differs", "echo another; exit 0")):
        path = fake_docker(tmp_path / place, f'if [ "$1" = network ]; then {answer}; fi')
        engine = DockerEngine.from_environment({**os.environ, "PATH": path})
        assert (await engine.check_cli()).id


@contextmanager
def silent_daemon(directory: Path) -> Iterator[str]:
    """A socket that accepts and never answers: a daemon that hangs."""
    path, server = str(directory / "silent.sock"), socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(8)
    try:
        yield f"unix://{path}"
    finally:
        server.close()


async def test_a_daemon_that_is_not_there_is_said_so_within_three_seconds(tmp_path: Path):
    """No socket, a port nobody listens on, and a daemon that hangs (SPEC edge case)."""
    with silent_daemon(tmp_path) as silent, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, not listening: refused
        refused = f"tcp://127.0.0.1:{bound.getsockname()[1]}"
        for host in (f"unix://{tmp_path}/none.sock", refused, silent):
            engine = DockerEngine.from_environment({**os.environ, "DOCKER_HOST": host})
            for question in (engine.info, engine.check_cli):
                began = time.monotonic()
                with pytest.raises(OrchestratorError) as raised:
                    await question()
                assert raised.value.code == "docker_unavailable"
                assert time.monotonic() - began < 20  # who waits for the daemon itself waits for a minute


async def test_without_a_docker_command_nothing_is_guessed(tmp_path: Path):
    """The endpoint is the command line's; without it there is none."""
    with pytest.raises(OrchestratorError) as raised:
        await DockerEngine.from_environment({"PATH": str(tmp_path), "HOME": str(tmp_path)}).info()
    assert raised.value.code == "docker_unavailable"


async def test_a_docker_context_is_followed(tmp_path: Path, engine: DockerEngine):
    """The SDK goes where the command's current context points."""
    environment = {**os.environ, "DOCKER_CONFIG": str(tmp_path)}
    environment.pop("DOCKER_HOST", None)
    create = await asyncio.create_subprocess_exec(
        *("docker", "context", "create", "elsewhere", "--docker", f"host=unix://{tmp_path}/none.sock"),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await create.wait() == 0
    assert (await DockerEngine.from_environment(environment).info()).id == (await engine.info()).id
    elsewhere = DockerEngine.from_environment({**environment, "DOCKER_CONTEXT": "elsewhere"})
    with pytest.raises(OrchestratorError) as raised:
        await elsewhere.info()
    assert "none.sock" in raised.value.message
