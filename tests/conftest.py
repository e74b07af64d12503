"""Fixtures that every kind of test may use: the real Docker engine and Compose projects on it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound
from hypothesis import HealthCheck, settings

from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from tests.stores.fixtures import (
    await_the_build,
    minio_server,
    not_run,
    seaweed_server,
    store_server,
)

__all__ = ["minio_server", "seaweed_server", "store_server"]  # fixtures by name

BASE_IMAGE = "python:3.13-slim"
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # Hypothesis' own limit is 200 ms of wall time for each example
collect_ignore = [] if os.environ.get("MM_STACK_TESTS") else ["stack"]
"""`make stack-test` has them: they build servers from source and need a quarter of an hour."""


def pytest_configure() -> None:
    """Undo an inherited "ignore Ctrl-C", as background jobs of a shell have it.

    Commands started by the tests would inherit it, and a Ctrl-C sent to them would do nothing.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a real server must be built for comes last."""
    await_the_build(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the proofs that this host could not give: a pass without MinIO is not the whole pass."""
    if missing := not_run(terminalreporter.stats.get("skipped", [])):
        terminalreporter.section("MinIO: not run", yellow=True)
        for line in missing:
            terminalreporter.write_line(line)


ComposeFactory = Callable[..., ComposeSandbox]


def current_endpoint() -> str:
    """The endpoint that the `docker` command uses: the SDK alone knows nothing of contexts."""
    asked = subprocess.run(
        ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return os.environ.get("DOCKER_HOST") or asked.stdout.strip()


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[docker.DockerClient]:
    """The Docker engine; without one every test of it fails, because a skipped proof is no proof."""
    try:
        client = docker.DockerClient(base_url=current_endpoint(), timeout=60)
        client.ping()
    except (DockerException, OSError, subprocess.SubprocessError) as error:
        pytest.fail(f"no Docker engine answers ({error}): run `make setup`", pytrace=False)
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image(docker_engine: docker.DockerClient) -> str:
    """Name of the image that the tests' Dockerfiles start from."""
    try:
        docker_engine.images.get(BASE_IMAGE)
    except ImageNotFound:
        pytest.fail(f"the Docker engine has no image {BASE_IMAGE}: run `make setup`", pytrace=False)
    return BASE_IMAGE


@pytest.fixture
def compose_project(
    docker_engine: docker.DockerClient, base_image: str, tmp_path: Path
) -> Iterator[ComposeFactory]:
    """A factory `compose_project(files, name=None) -> ComposeSandbox`; all are removed after the test."""
    with ExitStack() as cleanup:

        def make(files: dict[str, str], name: str | None = None) -> ComposeSandbox:
            name = name or unique_project_name()
            directory = tmp_path / name
            directory.mkdir()
            write_files(directory, files)
            sandbox = ComposeSandbox(name=name, directory=directory, engine=docker_engine)
            cleanup.callback(sandbox.remove)
            return sandbox

        yield make


@pytest.fixture(autouse=True)
def root_logger_as_before() -> Iterator[None]:
    """A command that a test runs in this process sets up logging; its streams end with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
