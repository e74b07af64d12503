"""A dry run that was made early is believed only where nothing that it rests on has happened since (I3)."""

import asyncio
import os
import time
from collections.abc import Callable

import pytest

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.neighbour_proof import EarlyDryRun
from tests.conftest import ComposeFactory
from tests.sandbox import PROJECT_LABEL, ComposeSandbox
from workflows.models.target import ComposeProject

COMPOSE = """
services:
  api:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
    healthcheck: {test: ["CMD", "true"], interval: 200ms}
  db:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
"""
_TRIES = 5


@pytest.fixture
def stack(compose_project: ComposeFactory) -> ComposeSandbox:
    """A running project of two services, of which one is looked at by a health check all the time."""
    sandbox = compose_project({"compose.yaml": COMPOSE})
    sandbox.compose("up", "-d", "--wait")
    return sandbox


def early(engine: DockerEngine, stack: ComposeSandbox) -> EarlyDryRun:
    """For the stack's project."""
    project = ComposeProject(
        name=stack.name,
        working_dir=str(stack.directory),
        config_files=(str(stack.directory / "compose.yaml"),),
    )
    return EarlyDryRun(engine, ComposeRunner(os.environ), project)


def tagged(stack: ComposeSandbox) -> None:
    """An image gets another name, and loses it."""
    name = f"{stack.name}-other:1"
    stack.engine.images.get("python:3.13-slim").tag(name)
    stack.engine.images.remove(name)


def network_made(stack: ComposeSandbox) -> None:
    """One more network, of the project; removed with it."""
    stack.engine.networks.create(f"{stack.name}_another", labels={PROJECT_LABEL: stack.name})


async def test_it_holds_while_only_health_checks_go_on(engine: DockerEngine, stack: ComposeSandbox) -> None:
    """Which is the case that it is made for: several ran between question and answer.

    On an engine that others use, too, an image of theirs may come in between; then it must not hold.
    """
    for _ in range(_TRIES):
        asked = early(engine, stack)
        asked.begin()
        assert asked._task is not None
        seen = await asked._task
        assert seen is not None
        await asyncio.sleep(1)
        answer, until = await asked.answer(), time.time() + 0.1
        events = list(stack.engine.events(since=seen.at, until=until, decode=True))
        assert any(event["Action"].startswith("exec_start") for event in events)
        strange = [event for event in events if not ours_and_harmless(event, stack)]
        assert answer in ({frozenset()} if not strange else {None, frozenset()}), strange
        if answer is not None:
            break


def ours_and_harmless(event: dict[str, object], stack: ComposeSandbox) -> bool:
    """A health check of ours, or what another project's container does."""
    if event["Type"] != "container":
        return False
    attributes = event["Actor"]["Attributes"]  # type: ignore[index]
    other = attributes.get(PROJECT_LABEL) not in {None, stack.name}
    return other or str(event["Action"]).startswith(("exec_", "health_status"))


@pytest.mark.parametrize(
    "happening",
    [
        lambda stack: stack.container("db").kill(),
        lambda stack: stack.container("db").restart(timeout=0),
        lambda stack: stack.container("db").rename(f"{stack.name}-db-renamed"),
        tagged,
        network_made,
        lambda stack: stack.write("compose.yaml", COMPOSE.replace("infinity", "'99999'")),
        lambda stack: stack.write(".env", "ANYTHING=else\n"),
    ],
    ids=["killed", "restarted", "renamed", "tagged", "network", "compose file", "new .env"],
)
async def test_it_is_dropped_for_whatever_a_plain_up_might_notice(
    engine: DockerEngine, stack: ComposeSandbox, happening: Callable[[ComposeSandbox], object]
) -> None:
    """After the answer was found, before it is used."""
    asked = early(engine, stack)
    asked.begin()
    assert asked._task is not None
    await asked._task

    happening(stack)
    try:
        assert await asked.answer() is None
    finally:
        await asked.aclose()


async def test_it_is_dropped_where_nobody_asked_or_compose_reads_more_than_it_names(
    engine: DockerEngine, stack: ComposeSandbox
) -> None:
    """An included file may change unseen."""
    assert await early(engine, stack).answer() is None
    stack.write("more.yaml", "services: {}\n")
    stack.write("compose.yaml", f"include: [more.yaml]\n{COMPOSE}")
    asked = early(engine, stack)
    asked.begin()

    assert await asked.answer() is None


async def test_a_daemon_that_is_away_gives_no_answer(engine: DockerEngine, stack: ComposeSandbox) -> None:
    """Whoever asks in earnest hears of it; this one only knows nothing."""
    away = dict(os.environ) | {"DOCKER_HOST": f"unix://{stack.directory}/no.sock"}
    asked = early(DockerEngine.from_environment(away), stack)
    asked.begin()

    assert await asked.answer() is None
