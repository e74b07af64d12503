"""A Compose project to be repaired again and again, a worker that serves it, and a client that asks."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker

from starter.client import OrchestratorClient
from tests.acceptance.operator import Operator
from tests.acceptance.stacks import HEALTHCHECK, compose_file, web_service
from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.models.status import StepName

WINDOW_SECONDS = 1.0
"""The stability window of every run here; it is taken off ours wherever the baseline has none."""
APPROVER = "ada"
HERE = Path(__file__).parent
BLOCK = f"""\
api:
  build: ./api
  restart: unless-stopped
  stop_grace_period: 2s
  healthcheck:
    test: ["CMD", "python", "-S", "-c", "{HEALTHCHECK}"]
    interval: 2s
    timeout: 10s
    retries: 3
    start_period: 30s
    start_interval: 200ms"""


@dataclass(frozen=True)
class Workshop:
    """One project with a service ``api``, and everything around it."""

    sandbox: ComposeSandbox
    operator: Operator
    client: OrchestratorClient
    trials: list[str] = field(default_factory=list)

    async def run(self, instruction: str, patch: str | None = None) -> tuple[RunRecord, float]:
        """One run to its end, and the seconds from asking to the terminal state, evidence stored."""
        began = time.monotonic()
        request = RunRequest(service="api", instruction=instruction, patch=patch, project=self.sandbox.name)
        handle = await self.client.start(request)
        async for record in self.client.watch(handle.workflow_id):
            if record.status.terminal:
                return record, time.monotonic() - began
        raise AssertionError("the run was never seen to end")

    def by_hand(self, script: str, *args: str) -> float:
        """Seconds that a script of this directory takes."""
        began = time.monotonic()
        subprocess.run(
            [str(HERE / script), str(self.sandbox.directory), *args], check=True, timeout=900,
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        return time.monotonic() - began

    def break_it(self) -> None:
        """A manifest without the package, in words of its own: no layer of an earlier trial fits."""
        self.trials.append("")
        self.sandbox.write("api/requirements.txt", f"# trial {len(self.trials)} of {self.sandbox.name}\n")
        self.sandbox.compose("up", "-d", "--build", "api")
        self.until(lambda: self.sandbox.container("api").attrs["RestartCount"] > 0)

    def await_healthy(self) -> None:
        """Until the service's health check says so."""
        self.until(lambda: self.sandbox.container("api").attrs["State"]["Health"]["Status"] == "healthy")

    def until(self, holds: Callable[[], bool], seconds: float = 120) -> None:
        """Wait for it.

        Raises:
            AssertionError: it never became so.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "the service never came to its state before"
            time.sleep(0.05)


def step_seconds(record: RunRecord, name: StepName) -> float:
    """How long a step took."""
    step = next(step for step in record.steps if step.name is name)
    assert step.started_at is not None, name
    assert step.completed_at is not None, name
    return (step.completed_at - step.started_at).total_seconds()


@asynccontextmanager
async def workshop(
    *,
    verification: str = "",
    protected: bool = False,
    dockerfile: str | None = None,
    files: dict[str, str] | None = None,
) -> AsyncIterator[Workshop]:
    """A project that lacks ``humanize``, not started yet, and a worker; all of it is removed at the end.

    Args:
        verification: further lines of the policy's section.
        protected: whether every run waits for the approval of ``APPROVER``.
        dockerfile: of the service, in place of the usual one.
        files: in place of the usual ones.
    """
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as made:
        root = Path(made)
        name = unique_project_name()
        directory = root / name
        directory.mkdir()
        usual = {"compose.yaml": compose_file(BLOCK), **web_service("api", "humanize")}
        write_files(directory, usual | (files or {}) | ({"api/Dockerfile": dockerfile} if dockerfile else {}))
        operator = Operator(root)
        operator.write_policy(policy_of({name: directory}, verification, protected=protected))
        sandbox = ComposeSandbox(name, directory, docker.from_env())
        try:
            with operator.dev():
                yield Workshop(sandbox, operator, await OrchestratorClient.connect(operator.address))
        finally:
            sandbox.remove()


def policy_of(projects: dict[str, Path], verification: str = "", *, protected: bool = False) -> str:
    """A policy for the service ``api`` of each project.

    Args:
        projects: their directories, by name.
        verification: further lines of each verification.
        protected: whether an unsigned approval of ``APPROVER`` is needed.
    """
    lines = ["version: 1", "projects:"]
    for name, directory in projects.items():
        lines += [
            f"  {name}:",
            f"    workspace: {directory}",
            "    services:",
            "      api:",
            "        allow: [api/**]",
            *(["        protected: true", "        approver_roles: [sre]"] if protected else []),
            "        verification:",
            "          max_wait_seconds: 60",
            f"          stability_window_seconds: {WINDOW_SECONDS}",
            *verification.splitlines(),
        ]
    if protected:
        lines += ["approvals: {trust: unsigned, time_limit_seconds: 86400}", f"roles: {{sre: [{APPROVER}]}}"]
    return "\n".join(lines) + "\n"
