"""The images, one stack for all tests of the directory, and a broken project beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.stacks import broken_shop, policy
from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from tests.stack.stack import OWNER, Stack, give_away

STAND_INS = Path(__file__).with_name("standins.sh")
_TOLD: list[str] = []


@pytest.fixture(scope="session")
def images(docker_engine: docker.DockerClient, base_image: str) -> None:
    """Every image that the compose file names: pulled, or a stand-in that is named as one."""
    done = subprocess.run([str(STAND_INS)], capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    _TOLD[:] = done.stdout.splitlines()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what stood in for what."""
    if _TOLD:
        terminalreporter.write_sep("-", "images of temporal-compose.yaml")
        for line in _TOLD:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def shop(
    images: None, docker_engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComposeSandbox]:
    """A sibling project of which `api` is broken and `web` is broken and protected; its owner is not root."""
    name = unique_project_name()
    directory = tmp_path_factory.mktemp("shop") / name
    directory.mkdir()
    files = broken_shop("humanize")
    web = {path.replace("api/", "web/"): text for path, text in files.items() if path.startswith("api/")}
    compose = files["compose.yaml"]
    block = compose[compose.index("  api:") : compose.index("  store:")].replace("api", "web")
    block = block.replace("restart: unless-stopped", "restart: 'no'")  # a neighbour that keeps still
    write_files(directory, files | web | {"compose.yaml": compose + block})
    give_away(directory)
    sandbox = ComposeSandbox(name=name, directory=directory, engine=docker_engine)
    sandbox.up()
    try:
        yield sandbox
    finally:
        sandbox.remove()


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Somebody on the host, with keys and a client's settings of their own."""
    return Operator(tmp_path_factory.mktemp("operator"))


@pytest.fixture(scope="session")
def stack(
    shop: ComposeSandbox, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The running stack; its policy protects `web`, and olga may approve with her key."""
    state = tmp_path_factory.mktemp("state") / "mm-orchestrator"
    state.mkdir(mode=0o700)
    made = operator.command("keys", "new", "olga")
    assert made.code == 0, made.stderr
    extra = ["approvals:", "  approver_roles: [sre]", "roles:", "  sre: [olga]", "approvers:"]
    extra += [*made.stdout.splitlines()[1:], ""]
    text = policy(
        shop.name,
        str(shop.directory),
        service="web",
        extra_service=["protected: true"],
        extra="\n".join(extra),
    )
    (state / "policy.yaml").write_text(text)
    give_away(state, OWNER)
    running = Stack(workspace=shop.directory, state=state)
    operator.extra_env["TEMPORAL_ADDRESS"] = running.temporal
    try:
        running.up()
        yield running
    finally:
        running.down()
