"""The worker without the Docker socket: a proxy lets through what repairs and rollbacks need, no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import docker
import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.stacks import CRASH, broken_shop, policy
from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from tests.stack.stack import OWNER, ROOT, Stack, give_away
from workflows.models.status import RunStatus

OVERRIDE = ROOT / "deploy" / "compose.socket-proxy.yaml"


@dataclass(frozen=True)
class Proxied:
    """A stack whose worker has no socket, a broken project, and who asks."""

    stack: Stack
    shop: ComposeSandbox
    operator: Operator


@pytest.fixture(scope="module")
def proxied(
    images: None, docker_engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    """Brought up with the override file, as its first lines say."""
    root = tmp_path_factory.mktemp("proxied")
    name = unique_project_name()
    directory, state = root / name, root / "state"
    directory.mkdir()
    state.mkdir(mode=0o700)
    write_files(directory, broken_shop("humanize"))
    (state / "policy.yaml").write_text(policy(name, str(directory)))
    give_away(directory)
    give_away(state, OWNER)
    shop = ComposeSandbox(name=name, directory=directory, engine=docker_engine)
    shop.up()
    stack = Stack(workspace=directory, state=state, overrides=(OVERRIDE,))
    operator = Operator(root, extra_env={"TEMPORAL_ADDRESS": stack.temporal})
    try:
        stack.up()
        yield Proxied(stack, shop, operator)
    finally:
        stack.down()
        shop.remove()


def test_a_repair_and_a_rollback_go_through(proxied: Proxied) -> None:
    """Evidence, build, restart, verification; then a patch that fails, and everything put back."""
    mounts = proxied.stack.compose("exec", "mm-orchestrator", "sh", "-c", "ls /var/run/docker.sock || true")
    assert "No such file" in mounts
    repaired = proxied.operator.command("run", "api", "repair the missing dependency", "--json", timeout=600)
    assert repaired.code == 0, (
        f"{repaired.stdout}\n{repaired.stderr}\n{proxied.stack.logs('mm-orchestrator')}"
    )
    before = proxied.shop.checksums()
    patch = proxied.operator.root / "crash.patch"
    patch.write_text(CRASH)
    undone = proxied.operator.command(
        "run", "api", "apply this", "--patch", str(patch), "--json", timeout=600
    )
    assert undone.code == 4, f"{undone.stdout}\n{undone.stderr}"
    assert undone.record.status is RunStatus.ROLLED_BACK
    assert proxied.shop.checksums() == before


ASK = """
import http.client, json, sys
answers = {}
for line in json.load(sys.stdin):
    method, path = line.split(" ", 1)
    connection = http.client.HTTPConnection("socket-proxy", 2375, timeout=10)
    connection.putrequest(method, path, skip_accept_encoding=True)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    answers[line] = connection.getresponse().status
json.dump(answers, sys.stdout)
"""
DENIED = [
    "POST /v1.43/containers/any/exec",
    "POST /v1.43/exec/any/start",
    "POST /v1.43/containers/any/attach",
    "GET /v1.43/containers/any/export",
    "GET /v1.43/images/any/get",
    "GET /v1.43/images/search?term=any",
    "POST /v1.43/build",
    "POST /v1.43/containers/any/update",
    "GET /v1.43/secrets",
    "GET /v1.43/configs",
    "GET /v1.43/swarm",
    "POST /v1.43/swarm/init",
    "GET /v1.43/plugins",
    "POST /v1.43/plugins/pull",
    "POST /v1.43/images/load",
    "POST /v1.43/images/any/push",
    "POST /v1.43/containers/prune",
    "POST /v1.43/images/prune",
    "POST /v1.43/volumes/prune",
    "POST /v1.43/commit?container=any",
    "POST /v1.43/auth",
    "GET /v1.43/containers/../secrets",
    "GET /v1.43/containers/%2e%2e/secrets",
    "GET /v1.43/images/../secrets",
    "POST /v1.43/containers/any/start/../exec",
    "GET /_ping/../v1.43/secrets",
    "GET //v1.43/secrets",
]
PERMITTED = ["GET /_ping", "GET /v1.43/version", "GET /v1.43/containers/json?all=1", "GET /v1.43/images/json"]


def test_everything_else_is_refused(proxied: Proxied) -> None:
    """Asked from the worker's own place in the network, with paths that try to look like permitted ones."""
    argv = ["exec", "-T", "mm-orchestrator", "python3", "-c", ASK]
    answers = json.loads(proxied.stack.compose(*argv, given=json.dumps(DENIED + PERMITTED)))
    assert {line: answers[line] for line in DENIED} == dict.fromkeys(DENIED, 403)
    assert {line: answers[line] for line in PERMITTED} == dict.fromkeys(PERMITTED, 200)


def test_nobody_else_reaches_the_proxy(proxied: Proxied) -> None:
    """It publishes no port, and only the worker shares its network."""
    (container,) = [
        c for c in proxied.shop.engine.containers.list() if c.name == f"{proxied.stack.name}-socket-proxy-1"
    ]
    assert not container.ports or not any(container.ports.values())
    (network,) = container.attrs["NetworkSettings"]["Networks"]
    members = proxied.shop.engine.networks.get(network).attrs
    assert members["Internal"] is True
    assert {one["Name"] for one in members["Containers"].values()} == {
        f"{proxied.stack.name}-socket-proxy-1",
        f"{proxied.stack.name}-mm-orchestrator-1",
    }
