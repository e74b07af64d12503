"""The sandbox itself: what the other tests rely on is checked on the real engine."""

from __future__ import annotations

import docker
import pytest

from tests.conftest import ComposeFactory
from tests.sandbox import PROJECT_LABEL

FILES = {
    "compose.yaml": """
services:
  one:
    build: .
    init: true
    command: ["sleep", "600"]
    volumes: ["data:/data"]
  two:
    image: python:3.13-slim
    init: true
    command: ["sleep", "600"]
volumes:
  data:
""",
    "Dockerfile": "FROM python:3.13-slim\nRUN touch /made\n",
}


@pytest.mark.timeout(120)
def test_up_inspect_and_remove(compose_project: ComposeFactory, docker_engine: docker.DockerClient) -> None:
    """A project starts, shows its containers, and leaves nothing behind after `remove`."""
    sandbox = compose_project(FILES)
    sandbox.up()
    before = sandbox.fingerprints(without="one")
    assert sandbox.container("one").status == "running"
    assert list(before) == [f"{sandbox.name}-two-1"]

    sandbox.compose("up", "-d", "--no-deps", "--force-recreate", "-t", "1", "one")
    assert sandbox.fingerprints(without="one") == before
    sandbox.compose("restart", "-t", "1", "two")
    assert sandbox.fingerprints(without="one") != before

    sandbox.remove()
    mine = {"label": f"{PROJECT_LABEL}={sandbox.name}"}
    assert sandbox.containers() == []
    assert docker_engine.networks.list(filters=mine) == []
    assert docker_engine.volumes.list(filters=mine) == []
    assert docker_engine.images.list(name=f"{sandbox.name}-one") == []
    assert docker_engine.images.list(name="python:3.13-slim") != []


def test_a_failing_command_is_an_error(compose_project: ComposeFactory) -> None:
    """`up` with an unexpected exit code fails the test with Compose's own words."""
    sandbox = compose_project({"compose.yaml": "services: {a: {image: 5}}\n"})
    with pytest.raises(AssertionError, match=r"services\.a\.image must be a string"):
        sandbox.up()
    assert sandbox.up(expect_rc=1).returncode == 1
