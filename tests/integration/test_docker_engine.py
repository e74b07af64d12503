"""The Docker adapter on a real daemon: containers, images and events."""

import asyncio
import os
import threading
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from activities.adapters import docker_engine
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.docker_images import HELD_REPOSITORY, split_reference
from activities.adapters.process import run
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox, unique_project_name
from workflows.errors import OrchestratorError
from workflows.models.target import ComposeProject, Target

COMPOSE = """
services:
  api:
    image: python:3.13-slim
    init: true
    command: [sh, -c, "echo started-words; sleep infinity"]
    environment: {API_TOKEN: canary-token-1, MODE: plain}
    volumes: ["/cache", "named:/data"]
    healthcheck: {test: ["CMD", "true"], interval: 200ms}
  db:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
volumes:
  named:
"""


@pytest.fixture
def stack(compose_project: ComposeFactory) -> ComposeSandbox:
    """A running project of two services."""
    sandbox = compose_project({"compose.yaml": COMPOSE})
    sandbox.compose("up", "-d", "--scale", "api=2")
    return sandbox


def target(sandbox: ComposeSandbox) -> Target:
    """The service ``api``."""
    directory = str(sandbox.directory)
    files = (f"{directory}/compose.yaml",)
    project = ComposeProject(name=sandbox.name, working_dir=directory, config_files=files)
    return Target(project=project, service="api", image="python:3.13-slim", workspace=directory)


async def test_of_two_calls_within_a_second_the_later_one_counts(
    engine: DockerEngine, docker_engine: docker.DockerClient
):
    """The daemon lists whole seconds only."""
    project, called = unique_project_name(), ("first.yaml", "second.yaml", "third.yaml")
    made = []
    try:
        for file in called:
            labels = {
                "com.docker.compose.project": project,
                "com.docker.compose.oneoff": "False",
                "com.docker.compose.project.working_dir": "/srv",
                "com.docker.compose.project.config_files": f"/srv/{file}",
            }
            made.append(docker_engine.containers.create("python:3.13-slim", labels=labels))
            named = await engine.compose_labels(project)
            assert named is not None
            assert named.config_files == (f"/srv/{file}",)
    finally:
        for container in made:
            container.remove(force=True)


async def test_containers_labels_and_snapshot(engine: DockerEngine, stack: ComposeSandbox):
    """All states, by service and number; one-off containers are not part of a service."""
    stack.compose("run", "-d", "--name", f"{stack.name}-once", "api", "sleep", "infinity")
    stack.compose("stop", "-t", "1", "db")
    everyone = await engine.containers(stack.name)
    assert [(c.service, c.number) for c in everyone] == [("api", 1), ("api", 2), ("db", 1)]
    assert [c.up for c in everyone] == [True, True, False]
    assert len(await engine.containers(stack.name, oneoff=True)) == 4
    assert await engine.containers("mmt-nobody") == ()
    labels = await engine.compose_labels(stack.name)
    assert labels is not None
    assert labels.working_dir == str(stack.directory)
    assert labels.config_files == (str(stack.directory / "compose.yaml"),)
    assert await engine.projects_in(str(stack.directory)) == (stack.name,)
    snapshot = await engine.snapshot(target(stack))
    assert len(snapshot.containers) == 2
    assert snapshot.container_image_id == snapshot.image_id
    assert {c.service for c in await engine.neighbours(target(stack))} == {"db"}
    api = everyone[0]
    hashes = await ComposeRunner(os.environ).config_hash(target(stack).project, "api")
    assert api.config_hash == hashes
    assert api.health in {"starting", "healthy"}
    assert api.pid > 0
    assert api.started_at is not None
    assert abs(datetime.now(UTC) - api.started_at) < timedelta(minutes=5)


async def test_what_was_said_before_the_last_start(engine: DockerEngine, compose_project: ComposeFactory):
    """A service that floods its log before it crashes: the crash stands before what this start has said."""
    again = "sleep 5; seq 9000; sleep 60"  # a busy daemon notes the start after the first lines of it
    flood = f'command: [sh, -c, "if [ -e /m ]; then {again}; fi; touch /m; echo the crash; exit 1"]'
    service = f"{{image: 'python:3.13-slim', init: true, restart: always, {flood}}}"
    sandbox = compose_project({"compose.yaml": f"services: {{api: {service}}}"})
    sandbox.compose("up", "-d")
    for _ in range(600):
        (container,) = await engine.containers(sandbox.name)
        if "\n9000" in await engine.logs(container.id):
            break
        await asyncio.sleep(0.1)
    (container,) = await engine.containers(sandbox.name)  # as it stands since that start, not just before it
    assert "the crash" not in await engine.logs(container.id, 2000)
    assert container.restart_count > 0
    told = (await engine.last_words(container)).splitlines()
    assert told[0] == "the crash"
    assert len(told) < 9000


async def test_logs_mounts_and_secrets(engine: DockerEngine, stack: ComposeSandbox):
    """What a container printed, what is mounted, and what must be masked."""
    (api, _) = await engine.containers(stack.name, "api")
    chunks: list[bytes] = []
    assert await engine.log_stream(api.id, chunks.append)
    assert b"".join(chunks) == b"started-words\n"
    assert await engine.logs(api.id) == "started-words\n"
    assert not await engine.log_stream(api.id, chunks.append, max_bytes=3)
    assert await engine.logs("0" * 64) == ""
    mounts = await engine.mounts(api.id)
    assert [(m.destination, m.anonymous) for m in mounts] == [("/cache", True), ("/data", False)]
    assert await engine.anonymous_volumes(api.id) == (mounts[0].name,)
    assert await engine.secret_values(api.id) == {"canary-token-1"}
    assert "canary-token-1" not in repr(api)


async def test_stop_start_rename_and_remove(engine: DockerEngine, stack: ComposeSandbox):
    """The few changes a rollback makes; done twice they are fine."""
    (first, second) = await engine.containers(stack.name, "api")
    await engine.stop(first.id)
    await engine.stop(first.id)
    stopped = await engine.container(first.id)
    assert stopped is not None
    assert not stopped.up
    await engine.start(first.id)
    (volume,) = await engine.anonymous_volumes(second.id)
    await engine.remove_container(second.id, volumes=True)
    await engine.remove_container(second.id)
    assert await engine.container(second.id) is None
    assert not stack.engine.volumes.list(filters={"name": volume})
    await engine.rename(first.id, f"{stack.name}-other")
    assert [c.name for c in await engine.containers(stack.name, "api")] == [f"{stack.name}-other"]


async def test_events_arrive_at_once_and_end_with_their_reader(engine: DockerEngine, stack: ComposeSandbox):
    """A die with its exit code wakes the reader; afterwards no thread listens on."""
    (first, second) = await engine.containers(stack.name, "api")
    listens = asyncio.Event()

    async def wait_for_death() -> int | None:
        async with aclosing(engine.events(stack.name)) as events:
            async for event in events:
                listens.set()
                if event.action == "die":
                    return event.exit_code
        return None

    reader = asyncio.create_task(wait_for_death())
    other = stack.engine.containers.get(second.id)
    for _ in range(600):  # whatever happens to it shows when somebody listens
        if listens.is_set():
            break
        await asyncio.to_thread(other.pause)
        await asyncio.to_thread(other.unpause)
        await asyncio.sleep(0.1)
    since = datetime.now(UTC)
    await engine.stop(first.id)
    assert await asyncio.wait_for(reader, 60) == 143
    past = await engine.past_events(stack.name, since)
    assert {"kill", "die"} <= {event.action for event in past}
    assert all(event.container_id == first.id for event in past if event.action == "die")
    await _eventually(lambda: not any(t.name == f"events-{stack.name}" for t in threading.enumerate()))


async def _eventually(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("did not happen in time")


@pytest.fixture
def orphan_image(docker_engine: docker.DockerClient) -> Iterator[str]:
    """An image that has no name and that nothing uses; with a VOLUME, as database images have."""
    made = docker_engine.containers.create("python:3.13-slim", ["true"])
    image = made.commit(changes=["VOLUME /data", f"LABEL mmt={time.monotonic_ns()}"])
    made.remove()
    image_id = str(image.id)
    yield image_id
    with suppress(ImageNotFound):
        docker_engine.images.remove(image_id, force=True)


async def test_a_held_image_cannot_be_removed_until_it_is_let_go(
    engine: DockerEngine, docker_engine: docker.DockerClient, orphan_image: str
):
    """By a tag and a container; holding twice is one hold, and no volume is left behind."""
    run_id = f"mmt-{time.monotonic_ns()}"
    facts = {"run_id": run_id, "project": "mmt", "service": "api"}
    for _ in range(2):
        assert await engine.hold_image(orphan_image, **facts)
    assert await engine.hold_image(orphan_image, **facts, role="tagged")
    assert run_id in await engine.holds()
    holder = docker_engine.containers.get(f"mm-orchestrator-held-{run_id}")
    assert holder.status == "created"
    assert [mount["Type"] for mount in holder.attrs["Mounts"]] in ([], ["tmpfs"])
    with pytest.raises(APIError, match=r"must be forced|must force|using"):
        docker_engine.images.remove(orphan_image)
    await engine.release_hold(run_id)
    await engine.release_hold(run_id)
    assert run_id not in await engine.holds()
    assert await engine.image_id(f"{HELD_REPOSITORY}:{run_id}") is None
    assert await engine.image_id(orphan_image) is None


async def test_the_daemon_has_a_mark_that_stays_while_it_runs(engine: DockerEngine):
    """The same at each question; what a restart does to it is seen on a daemon of the tests' own."""
    mark = await engine.daemon_mark()
    assert mark
    assert await engine.daemon_mark() == mark


async def test_an_image_that_is_gone_cannot_be_held(engine: DockerEngine):
    """It is said, not raised: the run goes on and warns."""
    gone = "sha256:" + "0" * 64
    assert not await engine.hold_image(gone, run_id="mmt-gone", project="mmt", service="api")


async def test_a_name_is_never_taken_from_under_a_stopped_container(
    engine: DockerEngine, docker_engine: docker.DockerClient, orphan_image: str
):
    """Docker would delete the image with its last name, and the container could not start again."""
    ref = f"mmt-untag:{time.monotonic_ns()}"
    await engine.tag(orphan_image, ref)
    stopped = docker_engine.containers.create(orphan_image, ["true"])
    try:
        await engine.untag(ref)
        assert await engine.image_id(orphan_image) == orphan_image
    finally:
        stopped.remove(v=True)
    await engine.untag(ref)
    await engine.untag(ref)
    assert await engine.image_id(orphan_image) is None


@pytest.mark.parametrize(
    ("ref", "parts"),
    [
        ("shop-api", ("shop-api", "latest")),
        ("shop-api:1.2", ("shop-api", "1.2")),
        ("host:5000/team/api", ("host:5000/team/api", "latest")),
        ("host:5000/team/api:1", ("host:5000/team/api", "1")),
        ("api:1@sha256:abc", ("api", "1")),
    ],
)
def test_references_are_split_like_docker_does(ref: str, parts: tuple[str, str]):
    """A registry's port is not a tag."""
    assert split_reference(ref) == parts


async def both(compose: ComposeRunner, engine: DockerEngine, project: ComposeProject) -> frozenset[str]:
    """The dry run, which says the same whether Compose or the daemon is asked for what does not run."""
    told = await compose.dry_run_changes(project, engine.containers(project.name))
    assert await compose.dry_run_changes(project) == told
    return told


async def test_a_dry_run_never_waits(engine: DockerEngine, compose_project: ComposeFactory):
    """A one-shot dependency without a container would block ``up --dry-run`` for ever."""
    sandbox = compose_project(
        {
            "compose.yaml": """
services:
  api:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
    depends_on: {once: {condition: service_completed_successfully}}
  once: {image: python:3.13-slim, command: ["true"]}
  later: {image: python:3.13-slim, profiles: [extra]}
"""
        }
    )
    compose, project = ComposeRunner(os.environ), target(sandbox).project
    assert await both(compose, engine, project) == {"api", "once"}
    sandbox.compose("up", "-d")
    assert await both(compose, engine, project) == {"once"}  # it would run again, as always
    (api,) = await engine.containers(sandbox.name, "api")
    await engine.stop(api.id)
    assert await both(compose, engine, project) == {"api", "once"}
    changed = sandbox.read("compose.yaml").replace("[sleep, infinity]", "[sleep, '9999']")
    sandbox.write("compose.yaml", changed.replace("python:3.13-slim, command", "mmt-none:1, command"))
    assert await both(compose, engine, project) == {"api", "once"}
    assert (await compose.version()).release >= (2, 30)


async def test_compose_is_quoted_where_it_refuses(compose_project: ComposeFactory):
    """Its own message, not ours; unset variables are listed."""
    sandbox = compose_project({"compose.yaml": "services:\n  api:\n    imagee: x\n"})
    compose, project = ComposeRunner(os.environ), target(sandbox).project
    with pytest.raises(OrchestratorError) as raised:
        await compose.model(project)
    assert raised.value.code == "compose_invalid"
    assert "imagee" in raised.value.message
    sandbox.write("compose.yaml", "services:\n  api:\n    image: x:$MMT_NOT_SET\n    user: ${MMT_TOO}\n")
    model = await compose.model(project)
    assert model.unset == ("MMT_NOT_SET", "MMT_TOO")


async def test_a_container_on_its_way_out_is_waited_for(
    engine: DockerEngine, stack: ComposeSandbox, monkeypatch: pytest.MonkeyPatch
):
    """An ordered removal goes on though its client was killed; what it leaves is known only after it."""
    monkeypatch.setattr(docker_engine, "_REMOVAL_SECONDS", 200)  # so many files take long on a busy disk
    first, second = await engine.containers(stack.name, "api")
    fill = "i=0; while [ $i -lt 30000 ]; do : > /tmp/$i; i=$((i+1)); done"
    for command in (("exec", first.id, "sh", "-c", fill), ("kill", first.id)):
        assert (await run(("docker", *command), timeout_seconds=120)).returncode == 0
    removal = await asyncio.create_subprocess_exec("docker", "rm", first.id, stdout=DEVNULL)
    try:
        while (leaving := await engine.container(first.id)) and leaving.status != "removing":
            pass
        assert leaving is not None, "the removal was too quick to be seen: more files are needed"
        removal.kill()
        assert first.id in {c.id for c in await engine.containers(stack.name, "api")}
        assert [c.id for c in await engine.containers_at_rest(stack.name, "api")] == [second.id]
    finally:
        with suppress(ProcessLookupError):
            removal.kill()
        await removal.wait()


def descriptors() -> int:
    """What this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_client_keeps_one_connection_however_much_it_was_asked(engine: DockerEngine) -> None:
    """Each question has an address of its own; the SDK kept a connection for each of the last 25."""
    await engine.client.ask(lambda api: api.version())
    before = descriptors()
    for number in range(30):
        wanted = {"label": f"nobody.has.this={number}"}
        await engine.client.ask(lambda api, wanted=wanted: api.containers(filters=wanted))
    assert descriptors() <= before + 1
