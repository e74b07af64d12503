"""One Temporal server, two Docker daemons, a worker for each: a run goes to the host its project lives on."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.stacks import IDLE_LINE, compose_file, image_block
from tests.chaos.daemon import OwnDaemon
from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from tests.stack.stack import Stack
from workflows.models.status import RunStatus

COMMAND = str(Path(sys.executable).parent / "mm-orchestrator")
FILES = {"compose.yaml": compose_file(image_block("api", IDLE_LINE), image_block("store", IDLE_LINE))}


@dataclass
class Host:
    """One Docker daemon, a project on it, and its worker."""

    name: str
    shop: ComposeSandbox
    worker: subprocess.Popen[bytes]

    def started(self) -> dict[str, str]:
        """Container -> when it was started."""
        return {str(c.name): str(c.attrs["State"]["StartedAt"]) for c in self.shop.containers()}


@dataclass
class TwoHosts:
    """Both, and somebody who asks."""

    first: Host
    second: Host
    operator: Operator


@pytest.fixture(scope="module")
def hosts(
    stack: Stack, docker_engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoHosts]:
    """Workers on this machine, one at the user's daemon, one at a daemon of the test's own."""
    root = tmp_path_factory.mktemp("hosts")
    queue = f"hosts-{uuid.uuid4().hex[:6]}"
    with ExitStack() as cleanup:
        daemon = OwnDaemon(root / "daemon", f"mmh-{uuid.uuid4().hex[:6]}")
        cleanup.callback(daemon.remove)
        daemon.start()
        daemon.load("python:3.13-slim")
        other = docker.DockerClient(base_url=daemon.endpoint, timeout=60)
        cleanup.callback(other.close)
        shops = {}
        for name, engine, endpoint in (("first", docker_engine, ""), ("second", other, daemon.endpoint)):
            project = unique_project_name()
            directory = root / project
            directory.mkdir()
            write_files(directory, FILES | ({".env": f"DOCKER_HOST={endpoint}\n"} if endpoint else {}))
            shops[name] = (ComposeSandbox(name=project, directory=directory, engine=engine), endpoint)
            cleanup.callback(_compose, shops[name], "down", "-v", "-t", "1")
            _compose(shops[name], "up", "-d")
        policy = root / "policy.yaml"
        policy.write_text(_policy(shops))
        made = {}
        for name, (shop, endpoint) in shops.items():
            environment = {
                "TEMPORAL_ADDRESS": stack.temporal,
                "MM_ORCHESTRATOR_TASK_QUEUE": queue,
                "MM_ORCHESTRATOR_HOST": name,
                "MM_ORCHESTRATOR_POLICY": str(policy),
            } | ({"DOCKER_HOST": endpoint} if endpoint else {})
            made[name] = Host(name, shop, _worker(root / f"state-{name}", environment, cleanup))
        env = {"TEMPORAL_ADDRESS": stack.temporal, "MM_ORCHESTRATOR_TASK_QUEUE": queue}
        yield TwoHosts(made["first"], made["second"], Operator(root, extra_env=env))


def _policy(shops: dict[str, tuple[ComposeSandbox, str]]) -> str:
    lines = ["version: 1", "projects:"]
    for name, (shop, _) in shops.items():
        lines += [f"  {shop.name}:", f"    workspace: {shop.directory}", f"    host: {name}", "    services:"]
        lines += ["      api:", "        verification: {max_wait_seconds: 30, stability_window_seconds: 1}"]
    return "\n".join([*lines, ""])


def _compose(place: tuple[ComposeSandbox, str], *args: str) -> None:
    shop, endpoint = place
    argv = ["docker", *(["--host", endpoint] if endpoint else []), "compose", "-p", shop.name, *args]
    subprocess.run(argv, cwd=shop.directory, check=True, capture_output=True, timeout=120)


def _worker(state: Path, environment: dict[str, str], cleanup: ExitStack) -> subprocess.Popen[bytes]:
    operator = Operator(state, extra_env=environment)
    state.mkdir()
    log = (state / "worker.log").open("wb")
    process = subprocess.Popen([COMMAND, "worker"], env=operator.env, stdout=log, stderr=log)
    cleanup.callback(log.close)
    cleanup.callback(process.wait, 60)
    cleanup.callback(process.terminate)
    deadline = time.monotonic() + 60
    while "worker started" not in (state / "worker.log").read_text():
        assert process.poll() is None, (state / "worker.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_run_goes_to_the_host_of_its_project(hosts: TwoHosts, name: str) -> None:
    """Whichever worker carries the workflow: the container is replaced there, and nothing on the other."""
    here, there = (hosts.first, hosts.second) if name == "first" else (hosts.second, hosts.first)
    before, besides = here.started(), there.started()
    ran = hosts.operator.command("run", "api", "restart api", "--project", here.shop.name, "--json")
    assert ran.code == 0, f"{ran.stdout}\n{ran.stderr}"
    after = here.started()
    changed = {container for container in before if after.get(container) != before[container]}
    assert changed == {f"{here.shop.name}-api-1"}
    assert there.started() == besides


def test_a_host_that_is_down_is_said_within_two_minutes(hosts: TwoHosts) -> None:
    """Its worker is gone: the run ends with what to start; the other host goes on serving. Runs last."""
    down, up = hosts.second, hosts.first
    down.worker.terminate()
    down.worker.wait(60)
    before = down.started()
    ran = hosts.operator.command(
        "run", "api", "restart api", "--project", down.shop.name, "--json", timeout=300
    )
    assert ran.code == 5
    assert ran.record.status is RunStatus.FAILED
    assert ran.record.failure is not None
    assert (ran.record.failure.code, "second" in ran.record.failure.message) == ("host_unavailable", True)
    assert down.started() == before
    again = hosts.operator.command("run", "api", "restart api", "--project", up.shop.name, "--json")
    assert again.code == 0, again.stderr
