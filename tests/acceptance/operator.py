"""An operator at a terminal: the installed commands, run as anybody would run them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from starter.client import OrchestratorClient
from workflows.errors import OrchestratorError
from workflows.models.record import RunRecord

BIN = Path(sys.executable).parent
RUN_SECONDS = 240


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def record(self) -> RunRecord:
        """The RunRecord that ``--json`` printed, and nothing else."""
        return RunRecord.model_validate_json(self.stdout)


@dataclass
class Operator:
    """One state directory, one policy, one terminal."""

    root: Path
    policy: Path | None = None
    extra_env: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The state directory of this operator only."""
        return self.root / "state"

    @property
    def env(self) -> dict[str, str]:
        """The environment of every command."""
        steered = ("COMPOSE_", "MM_ORCHESTRATOR_", "TEMPORAL_", "MINIO_")
        env = {key: value for key, value in os.environ.items() if not key.startswith(steered)}
        env |= {"MM_ORCHESTRATOR_STATE_DIR": str(self.state), "NO_COLOR": "1", "MM_ORCHESTRATOR_USER": "olga"}
        if self.policy is not None:
            env["MM_ORCHESTRATOR_POLICY"] = str(self.policy)
        return env | self.extra_env

    def write_policy(self, text: str) -> None:
        """Use this policy from now on."""
        self.policy = self.root / "policy.yaml"
        self.policy.write_text(text)

    def start(self, *args: str, program: str = "mm-orchestrator") -> subprocess.Popen[str]:
        """Start a command in a session of its own, as a terminal would."""
        return subprocess.Popen(
            [str(BIN / program), *args],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def command(self, *args: str, program: str = "mm-orchestrator", timeout: float = RUN_SECONDS) -> Ran:
        """Run a command to its end."""
        process = self.start(*args, program=program)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            raise AssertionError(f"{args} did not end in {timeout} s\n{stdout}\n{stderr}") from None
        return Ran(process.returncode, stdout, stderr)

    def run_local(self, project_dir: Path, *args: str) -> Ran:
        """``mm-orchestrator run ARGS --local --project-dir DIR --json``."""
        return self.command("run", *args, "--local", "--project-dir", str(project_dir), "--json")

    def temporal(self, *args: str) -> Ran:
        """The real temporal command line, against the running ``dev``."""
        return self.command(*args, "--address", self.address, program="temporal")

    @property
    def address(self) -> str:
        """Address of the running embedded server."""
        return str(json.loads((self.state / "dev.json").read_text())["address"])

    @contextmanager
    def dev(self, project_dir: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """``mm-orchestrator dev`` while the body runs; stopped with Ctrl-C at the end, if it still runs.

        Without ``project_dir`` it serves every project of the policy.
        """
        log = (self.root / "dev.log").open("ab")
        chosen = [] if project_dir is None else ["--project-dir", str(project_dir)]
        process = subprocess.Popen(
            [str(BIN / "mm-orchestrator"), "dev", *chosen],
            env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            self._await_dev(process)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(timeout=60)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            log.close()

    def _await_dev(self, process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if json.loads((self.state / "dev.json").read_text())["pid"] == process.pid:
                    return
            except (OSError, ValueError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"dev did not start:\n{(self.root / 'dev.log').read_text()[-3000:]}")

    def show(self, run: str) -> RunRecord:
        """``mm-orchestrator show RUN --json``."""
        shown = self.command("show", run, "--json")
        assert shown.code == 0, shown.stderr
        return shown.record

    def until(self, run: str, reached: str, seconds: float = 240) -> RunRecord:
        """Wait until a run has this status, or this step is in progress, or it has ended (``ended``).

        Asked through the programmatic starter: a command line started ten times a second would keep
        the machine busy with itself.
        """
        return asyncio.run(self._until(run, reached, seconds))

    async def _until(self, run: str, reached: str, seconds: float) -> RunRecord:
        deadline = time.monotonic() + seconds
        client = await OrchestratorClient.connect(self.address, state_dir=self.state)
        while True:
            try:
                record = await client.get(run)
            except OrchestratorError as error:  # lists lag behind; a server that is busy answers late
                if error.code not in {"unknown_run", "temporal_unavailable"} or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)
                continue
            now = {s.name for s in record.steps if s.status == "in_progress"} | {str(record.status)}
            over = record.status.terminal
            if reached in now or (over and reached == "ended"):
                return record
            if over or time.monotonic() > deadline:
                raise AssertionError(f"{run} never reached {reached}: {record.status} {record.summary} {now}")
            await asyncio.sleep(0.05)


def artifact_file(uri: str) -> Path:
    """The file behind a ``file://`` artifact."""
    return Path(unquote(urlparse(uri).path))


def check_artifacts(record: RunRecord, *names: str) -> None:
    """Every named artifact is there, and every artifact's file has the checksum of the record (I6)."""
    held = {artifact.name: artifact for artifact in record.artifacts}
    assert set(names) <= set(held), f"missing: {set(names) - set(held)}"
    for artifact in held.values():
        data = artifact_file(artifact.uri).read_bytes()
        assert hashlib.sha256(data).hexdigest() == artifact.sha256, artifact.name
        assert len(data) == artifact.size_bytes


def artifact_text(record: RunRecord, name: str) -> str:
    """The text of one artifact."""
    uri = next(artifact.uri for artifact in record.artifacts if artifact.name == name)
    return artifact_file(uri).read_text()
