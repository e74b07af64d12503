"""The real workflow on a real Temporal server with a scripted host, for whoever asks from outside.

Server and workers live on a thread of their own, because the command line owns the main thread and its
signals. The host's evidence is real: files in a state directory, with their checksums.
"""

import asyncio
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from typer.testing import CliRunner, Result

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.directory_depot import DirectoryDepot
from starter.cli.app import build_app
from starter.cli.exit_codes import ExitCode
from starter.client import OrchestratorClient
from starter.converter import data_converter
from tests.workflow.scripted_host import HOST, ScriptedHost
from worker.settings import WorkerSettings
from worker.workers import Wiring, running_workers
from workflows import ports
from workflows.models.artifact import RunArtifact
from workflows.models.policy import ApprovalGate
from workflows.models.record import RunRecord, RunReport
from workflows.models.status import RunStatus

T = TypeVar("T")
RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEYWORDS = ("mm_state", "mm_owner_type", "mm_owner_id", "mm_entry", "mm_repo", "mm_integration")


class EvidenceHost(ScriptedHost):
    """A scripted host whose evidence lies in a state directory, as a worker's does."""

    def __init__(self, state: Path, *, gate: ApprovalGate | None = None) -> None:
        super().__init__(gate=gate)
        self.store = ArtifactStore(state / "spool", DirectoryDepot(state / "artifacts"))
        self.diff_lines = 1

    async def _plan(self, job: ports.PlanInput) -> ports.PlanResult:
        made = ScriptedHost._plan(self, job).plan
        body = "".join(f"+PyYAML=={number}\n" for number in range(self.diff_lines))
        diff = (
            f"--- a/api/requirements.txt\n+++ b/api/requirements.txt\n@@ -0,0 +1,{self.diff_lines} @@\n{body}"
        )
        stored = await self.store.put(job.run.run_id, "patch.diff", diff.encode())
        plan = made.model_copy(update={"diff": diff[: 8 * 1024], "diff_artifact": stored})
        return ports.PlanResult(plan=plan, artifacts=(stored,))

    async def _build(self, job: ports.BuildInput) -> ports.BuildResult:
        log = b"#1 FROM python\r\n10%\r99%\n\x1b[31mdone\x1b[0m \x1b]0;owned\x07\n"
        stored = await self.store.put(job.run.run_id, "build.log", log)
        return ports.BuildResult(image_id="sha256:new", duration_seconds=2, artifacts=(stored,))

    async def _report(self, job: ports.ReportInput) -> ports.ArtifactsResult:
        report = RunReport(record=job.record, events=job.events)
        stored = await self.store.put(job.run.run_id, "report.json", report.model_dump_json().encode())
        return ports.ArtifactsResult(artifacts=(stored,))


class BundleHost(EvidenceHost):
    """A host all of whose evidence is real, with the manifest that a real report step makes."""

    def __init__(
        self, state: Path, *, gate: ApprovalGate | None = None, store: ArtifactStore | None = None
    ) -> None:
        super().__init__(state, gate=gate)
        self.store = store or self.store
        self.answers = {name: self._real(answer) for name, answer in self.answers.items()}

    def _real(self, answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def call(job: Any) -> Any:
            given = answer(job)
            given = await given if asyncio.iscoroutine(given) else given
            if not getattr(given, "artifacts", ()):
                return given
            put = [await self._put(job.run.run_id, one) for one in given.artifacts]
            return given.model_copy(update={"artifacts": tuple(put)})

        return call

    async def _put(self, run_id: str, one: RunArtifact) -> RunArtifact:
        if not one.uri.startswith("file:///x/"):
            return one
        return await self.store.put(run_id, one.name, f"{one.name} of run {run_id}\n".encode())

    async def _report(self, job: ports.ReportInput) -> ports.ArtifactsResult:
        done = await EvidenceHost._report(self, job)
        known = (*job.record.artifacts, *done.artifacts)
        manifest = await self.store.manifest(job.run.run_id, known)
        return ports.ArtifactsResult(artifacts=(*done.artifacts, manifest))


class Stage:
    """One server and, while ``serving``, workers; calls from other threads end on its loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._env: WorkflowEnvironment

    def __enter__(self) -> "Stage":
        self._thread.start()
        self._env = self.call(
            WorkflowEnvironment.start_local(
                dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
                dev_server_startup_timeout=timedelta(seconds=60),
                data_converter=data_converter,
                search_attributes=[SearchAttributeKey.for_keyword(name) for name in KEYWORDS],
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._env.shutdown())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    @property
    def client(self) -> Client:
        """The server's client, to be used on this stage's loop."""
        return self._env.client

    @property
    def address(self) -> str:
        """``host:port`` of the server."""
        return self._env.client.service_client.config.target_host

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the stage's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin something on the stage's loop, to be waited for later."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @contextmanager
    def serving(self, host: ScriptedHost, *, leave_runs: bool = False) -> Iterator[None]:
        """Workers that follow the host's script; what runs at the end is terminated, or left."""
        stop = self.call(_event())
        done = asyncio.run_coroutine_threadsafe(self._serve(host, stop), self._loop)
        try:
            yield
        finally:
            if not leave_runs:
                self.call(self._terminate_what_runs())
            self._loop.call_soon_threadsafe(stop.set)
            done.result(timeout=60)

    async def _serve(self, host: ScriptedHost, stop: asyncio.Event) -> None:
        wiring = Wiring(host=HOST, activities=host.activities(), mask=str)
        settings = WorkerSettings(graceful_shutdown_seconds=0.5)
        async with running_workers(self.client, settings, wiring):
            await stop.wait()

    async def _terminate_what_runs(self) -> None:
        async for run in self.client.list_workflows("ExecutionStatus='Running'"):
            with suppress(RPCError):  # it has just ended by itself
                await self.client.get_workflow_handle(run.id).terminate()

    def starter(self, state: Path | None = None) -> OrchestratorClient:
        """A programmatic starter on the stage's loop."""
        return OrchestratorClient(self.client, state_dir=state, poll_seconds=0.05)

    def until(self, run: str, status: RunStatus) -> None:
        """Wait, bounded, until a run has a status."""
        self.call(self._until(run, status))

    async def _until(self, run: str, status: RunStatus) -> None:
        async with asyncio.timeout(30):
            async for record in self.starter().watch(run):
                if record.status is status:
                    return
        raise AssertionError(f"run {run} ended without ever being {status}")


async def _event() -> asyncio.Event:
    return asyncio.Event()


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Client]:
    """A client on the caller's loop: what stands in for the embedded stack of ``--local``."""
    yield await Client.connect(address, data_converter=data_converter)


class Operator:
    """Somebody at a terminal: types commands, reads exit code, stdout and stderr."""

    def __init__(self, stage: Stage, state: Path) -> None:
        self.stage = stage
        self.state = state
        self.user = "dave"
        self.settings: dict[str, str] = {}
        """What else is set in the environment, or differently."""

    def types(self, *args: str, text: str | None = None) -> Result:
        """One command; never a traceback."""
        app = build_app(lambda _dir: connected(self.stage.address))
        env = {
            "TEMPORAL_ADDRESS": self.stage.address,
            "MM_ORCHESTRATOR_STATE_DIR": str(self.state),
            "MM_ORCHESTRATOR_USER": self.user,
            "COLUMNS": "",
            **self.settings,
        }
        result = CliRunner().invoke(app, args, input=text, env=env)
        assert "Traceback" not in result.output, result.output
        return result

    def run(self, *options: str) -> RunRecord:
        """``run --json`` and the record it printed."""
        result = self.types("run", "api", "repair the missing dependency", "--json", *options)
        return RunRecord.model_validate_json(result.stdout)

    def starts_a_waiting_run(self) -> str:
        """A run that waits for an approval; its id."""
        result = self.types("run", "api", "repair the missing dependency", "--detach")
        assert result.exit_code == ExitCode.AWAITING_APPROVAL
        found = RUN_ID.search(result.stdout)
        assert found is not None
        return found.group()
