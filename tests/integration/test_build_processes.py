"""A real image build ends with whoever ordered it: a cancellation, a killed worker (COMPOSE fact 5)."""

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import docker
import pytest
from docker.errors import ImageNotFound

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.process import ChildRegistry
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.target import ComposeProject

COMPOSE = """
services:
  api:
    build: .
"""


@pytest.fixture
def slow_build(compose_project: ComposeFactory) -> tuple[ComposeSandbox, str]:
    """A project whose build sleeps a while, and the text by which that sleep is found."""
    seconds = f"41.{uuid4().int % 10**9:09d}"
    dockerfile = f"FROM python:3.13-slim\nRUN echo begun && sleep {seconds}\n"
    return compose_project({"compose.yaml": COMPOSE, "Dockerfile": dockerfile}), seconds


def project_of(sandbox: ComposeSandbox) -> ComposeProject:
    """How Compose is called for a sandbox."""
    return ComposeProject(
        name=sandbox.name,
        working_dir=str(sandbox.directory),
        config_files=(str(sandbox.directory / "compose.yaml"),),
    )


def commands_with(text: str) -> list[str]:
    """Command lines of running processes that hold a text, those inside containers included."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if entry.name.isdigit() and text in line and int(entry.name) != os.getpid():
            found.append(line)
    return found


def seconds_until_gone(text: str, limit: float) -> float:
    """How long it took until no process held the text; fails after ``limit`` seconds."""
    began = time.monotonic()
    while left := commands_with(text):
        assert time.monotonic() - began < limit, left
        time.sleep(0.02)
    return time.monotonic() - began


def has_image(engine: docker.DockerClient, name: str) -> bool:
    """Whether the daemon knows an image."""
    try:
        engine.images.get(name)
    except ImageNotFound:
        return False
    return True


async def test_cancellation_ends_the_build(
    slow_build: tuple[ComposeSandbox, str],
    docker_engine: docker.DockerClient,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
):
    """Within 2 s neither a client process nor the daemon's own build step is left."""
    sandbox, seconds = slow_build
    begun = asyncio.Event()
    log: list[bytes] = []

    def sink(data: bytes) -> None:
        log.append(data)
        if b"begun" in b"".join(log).split(b"RUN echo begun", 1)[-1]:
            begun.set()

    build = asyncio.create_task(
        ComposeRunner(os.environ).build(
            project_of(sandbox), "api", sink, ChildRegistry(tmp_path / "children", "run-1")
        )
    )
    await asyncio.wait_for(begun.wait(), 60)
    assert await asyncio.to_thread(commands_with, f"sleep {seconds}")
    began = time.monotonic()
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    returned = time.monotonic() - began
    assert await asyncio.to_thread(commands_with, sandbox.name) == []
    gone = returned + await asyncio.to_thread(seconds_until_gone, f"sleep {seconds}", 60)
    record_property("gone_after_seconds", gone)
    assert gone < 30
    assert not has_image(docker_engine, f"{sandbox.name}-api")


WORKER = """
    import asyncio, os, sys
    from pathlib import Path
    from activities.adapters.compose_runner import ComposeRunner
    from activities.adapters.process import ChildRegistry
    from workflows.models.target import ComposeProject
    project = ComposeProject.model_validate_json(sys.argv[1])
    children = ChildRegistry(Path(sys.argv[2]), "run-1")
    sink = lambda data: (sys.stdout.buffer.write(data), sys.stdout.flush())
    asyncio.run(ComposeRunner(os.environ).build(project, "api", sink, children))
"""


async def test_sigkill_of_the_worker_ends_the_build(
    slow_build: tuple[ComposeSandbox, str],
    docker_engine: docker.DockerClient,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
):
    """The worker runs no code any more, yet its build neither runs on nor moves the image tag."""
    sandbox, seconds = slow_build
    project = project_of(sandbox).model_dump_json()
    argv = [sys.executable, "-c", textwrap.dedent(WORKER), project, str(tmp_path / "children")]
    waited = await asyncio.to_thread(_kill_during, argv, f"sleep {seconds}", sandbox.name)
    record_property("gone_after_seconds", waited)
    assert waited < 30
    assert await ChildRegistry(tmp_path / "children", "run-1").end_earlier() == 0
    assert not has_image(docker_engine, f"{sandbox.name}-api")


def _kill_during(argv: list[str], step: str, project: str) -> float:
    worker = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 60
    while not any(line.startswith(step) for line in commands_with(step)):
        assert time.monotonic() < deadline, "the build did not begin"
        time.sleep(0.05)
    worker.kill()
    began = time.monotonic()
    worker.wait()
    if worker.stdout is not None:
        worker.stdout.close()
    seconds_until_gone(project, 10)
    seconds_until_gone(step, 10)
    return time.monotonic() - began
