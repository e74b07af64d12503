"""The worker as a service of the very project that it repairs (SPEC FR-001)."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.stacks import broken_shop
from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from tests.stack.stack import OWNER, ROOT, Stack, give_away
from workflows.models.status import RunStatus


@dataclass(frozen=True)
class OwnProject:
    """A project that brings its orchestrator along, and the operator who asks it."""

    sandbox: ComposeSandbox
    operator: Operator


@pytest.fixture(scope="module")
def own(
    stack: Stack,
    operator: Operator,
    docker_engine: docker.DockerClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OwnProject]:
    """`api` is broken; `mm-orchestrator` is included as its file says, on a task queue of its own."""
    root = tmp_path_factory.mktemp("own")
    name, queue = unique_project_name(), f"own-{uuid.uuid4().hex[:6]}"
    directory, state = root / name, root / "state"
    directory.mkdir()
    state.mkdir(mode=0o700)
    files = broken_shop("humanize")
    write_files(
        directory,
        files | {"compose.yaml": "include: [compose.mm-orchestrator.yaml]\n" + files["compose.yaml"]},
    )
    shutil.copy(ROOT / "deploy" / "compose.mm-orchestrator.yaml", directory)
    give_away(directory)
    give_away(state)
    told = subprocess.run(
        [str(ROOT / "deploy" / "stack" / "env.sh"), str(directory)],
        capture_output=True,
        text=True,
        check=True,
    )
    settings = {
        "MM_STATE": str(state),
        "MM_TASK_QUEUE": queue,
        "MM_TEMPORAL_NETWORK": f"{stack.name}_default",
    }
    lines = "".join(f"{key}={value}\n" for key, value in settings.items())
    (directory / ".env").write_text(told.stdout + lines)
    os.chown(directory / ".env", OWNER, OWNER)
    asking = Operator(operator.root, extra_env={**operator.extra_env, "MM_ORCHESTRATOR_TASK_QUEUE": queue})
    sandbox = ComposeSandbox(name=name, directory=directory, engine=docker_engine)
    sandbox.compose("up", "--detach", "--build")
    try:
        yield OwnProject(sandbox, asking)
    finally:
        sandbox.remove()


def test_it_repairs_its_neighbour(own: OwnProject) -> None:
    """And is itself not touched: same container, same start."""
    neighbours = own.sandbox.fingerprints(without="api")
    assert len(neighbours) == 2
    ran = own.operator.command("run", "api", "repair the missing dependency", "--json", timeout=600)
    assert ran.code == 0, f"{ran.stdout}\n{ran.stderr}"
    assert ran.record.status is RunStatus.SUCCEEDED
    assert own.sandbox.fingerprints(without="api") == neighbours


def test_it_never_restarts_itself(own: OwnProject) -> None:
    """Refused before anything is touched, with what to do instead."""
    ran = own.operator.command("run", "mm-orchestrator", "restart mm-orchestrator", "--json")
    assert ran.code == 5
    assert ran.record.failure is not None
    assert (ran.record.failure.code, bool(ran.record.failure.remedy)) == ("own_service", True)


def test_a_workspace_under_another_path_is_refused(
    own: OwnProject, stack: Stack, docker_engine: docker.DockerClient, tmp_path: Path
) -> None:
    """The daemon would bind directories of the host that are not those of the project."""
    directory, queue = own.sandbox.directory, f"elsewhere-{uuid.uuid4().hex[:6]}"
    copy, state = tmp_path / "copy", tmp_path / "state"
    shutil.copytree(directory, copy)
    state.mkdir(mode=0o700)
    give_away(state)
    worker = docker_engine.containers.run(
        "mm-orchestrator:0.1.0",
        detach=True,
        user=f"{OWNER}:{OWNER}",
        group_add=[str(Path("/var/run/docker.sock").stat().st_gid)],
        network=f"{stack.name}_default",
        environment={
            "TEMPORAL_ADDRESS": "temporal:7233",
            "MM_ORCHESTRATOR_TASK_QUEUE": queue,
            "MM_ORCHESTRATOR_PROJECT_DIR": str(directory),
        },
        volumes=[
            "/var/run/docker.sock:/var/run/docker.sock",
            f"{copy}:{directory}",
            f"{state}:/var/lib/mm-orchestrator",
        ],
    )
    try:
        env = {**own.operator.extra_env, "MM_ORCHESTRATOR_TASK_QUEUE": queue}
        asking = Operator(own.operator.root, extra_env=env)
        ran = asking.command("run", "api", "rebuild api", "--json")
        assert ran.code == 5, worker.logs().decode()[-3000:]
        assert ran.record.failure is not None
        assert ran.record.failure.code == "workspace_elsewhere"
        assert f"-v {directory}:{directory}" in ran.record.failure.remedy
    finally:
        worker.remove(force=True, v=True)
