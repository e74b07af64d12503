"""One command in a throwaway container, on the real engine."""

from __future__ import annotations

import asyncio
import os
import secrets
import time

import docker
import pytest

from activities.adapters.docker_client import DockerClient
from activities.adapters.throwaway import THROWAWAY_LABEL, Task, Throwaway, ThrowawayError


@pytest.fixture
def throwaway(base_image: str) -> Throwaway:
    """The runner on this host's engine."""
    return Throwaway(DockerClient(dict(os.environ)), prefix=f"mmt-throwaway-{secrets.token_hex(4)}")


def _left(engine: docker.DockerClient, throwaway: Throwaway) -> int:
    return len(engine.api.containers(all=True, filters={"name": throwaway.prefix}))


def _first(engine: docker.DockerClient, throwaway: Throwaway) -> dict[str, dict[str, str]]:
    """The throwaway container, waited for."""
    deadline = time.monotonic() + 60
    while not (found := engine.api.containers(all=True, filters={"name": throwaway.prefix})):
        assert time.monotonic() < deadline, "no container was made"
        time.sleep(0.05)
    return dict(found[0])


def _sh(image: str, script: str, **more: object) -> Task:
    return Task(image, ("sh", "-c", script), **more)  # type: ignore[arg-type]


async def test_files_go_in_and_come_out(
    throwaway: Throwaway, base_image: str, docker_engine: docker.DockerClient
) -> None:
    """The command sees its files and the image's tools as root; nothing is left of the container."""
    script = "cat sub/in.txt; id -u >&2; printf done > out.txt; ln -s /etc/passwd link; exit 3"
    task = _sh(base_image, script, files={"sub/in.txt": b"hello"}, take=("out.txt", "link", "none"))
    outcome = await throwaway.run(task)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (3, "hello", "0\n")
    assert outcome.files == {"out.txt": b"done"}, "links and missing files are not taken"
    assert _left(docker_engine, throwaway) == 0


async def test_it_carries_nothing_of_a_compose_project(
    throwaway: Throwaway, base_image: str, docker_engine: docker.DockerClient
) -> None:
    """Labels that Compose gave the image are blank on the container: no project can count it in."""
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.version": "2"}
    api = docker_engine.api
    made = api.create_container(base_image, ["true"])
    changes = [f"LABEL {key}={value}" for key, value in labels.items()]
    image = api.commit(made["Id"], changes=changes)["Id"]
    api.remove_container(made["Id"])
    try:
        task = asyncio.create_task(throwaway.run(_sh(image, "sleep 60", timeout_seconds=10)))
        found = await asyncio.to_thread(_first, docker_engine, throwaway)
        assert {found["Labels"][key] for key in labels} == {""}
        assert api.containers(all=True, filters={"label": "com.docker.compose.project=shop"}) == []
        assert (await task).timed_out
    finally:
        api.remove_image(image, force=True)


async def test_a_command_that_is_too_slow_is_ended(
    throwaway: Throwaway, base_image: str, docker_engine: docker.DockerClient
) -> None:
    """What it wrote before its time was over still comes back."""
    task = _sh(base_image, "printf half > out; sleep 60", take=("out",), timeout_seconds=8)
    outcome = await throwaway.run(task)
    assert outcome.timed_out
    assert outcome.exit_code == 137
    assert outcome.files == {"out": b"half"}
    assert _left(docker_engine, throwaway) == 0


async def test_a_cancelled_command_is_gone(
    throwaway: Throwaway, base_image: str, docker_engine: docker.DockerClient
) -> None:
    """A cancelled step leaves no container behind."""
    task = asyncio.create_task(throwaway.run(_sh(base_image, "sleep 60")))
    await asyncio.to_thread(_first, docker_engine, throwaway)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _left(docker_engine, throwaway) == 0


async def test_leftovers_are_swept_once_their_time_is_over(
    throwaway: Throwaway, base_image: str, docker_engine: docker.DockerClient
) -> None:
    """A dead worker's container goes; one that another worker may still be using stays."""
    api = docker_engine.api
    late, busy = (
        api.create_container(base_image, ["true"], labels={THROWAWAY_LABEL: str(int(time.time()) + offset)})
        for offset in (-1, 600)
    )
    try:
        await throwaway.sweep()
        left = {one["Id"] for one in api.containers(all=True, filters={"label": THROWAWAY_LABEL})}
        assert late["Id"] not in left
        assert busy["Id"] in left
    finally:
        api.remove_container(busy["Id"], force=True)


async def test_what_the_image_lacks_is_said(throwaway: Throwaway, base_image: str) -> None:
    """No such command is an answer, no such image an error; output is cut."""
    assert (await throwaway.run(Task(base_image, ("no-such-tool",)))).exit_code == 127
    with pytest.raises(ThrowawayError, match="is not on this Docker host"):
        await throwaway.run(Task("mm-orchestrator/none:none", ("true",)))
    loud = await throwaway.run(_sh(base_image, "head -c 3000000 /dev/zero | tr '\\0' x"))
    assert len(loud.stdout) == 512 * 1024
