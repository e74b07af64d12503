"""Four runs on a real embedded server, each held where a browser is to look at it.

The Docker host follows a script: what is tested is the Web UI and what the workflow gives it to show.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from temporalio import activity

from activities.adapters.state_dir import StateDir
from starter.client import OrchestratorClient, RunHandle
from tests.workflow.scripted_host import GATE, HOST, ScriptedHost, artifact
from worker.embedded import embedded_stack
from worker.settings import WorkerSettings
from worker.workers import Wiring
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding, FindingKind, Quote
from workflows.models.plan import ActionPlan
from workflows.models.policy import ApprovalGate, Limits, Trust
from workflows.models.record import Compared, RollbackOutcome, RunRecord
from workflows.models.request import RunRequest
from workflows.models.snapshot import ContainerState, NeighbourProof
from workflows.models.status import RunStatus, StepName

DIFF: Final = """\
--- a/api/requirements.txt
+++ b/api/requirements.txt
@@ -1,2 +1,3 @@
 flask==3.0.0
 gunicorn==22.0.0
+PyYAML==6.0.2
"""
BEAT: Final = "build: [3/4] RUN pip install -r requirements.txt, after 12 s, 38.2 KiB of log"
LINK: Final = "https://store.example:9000/evidence/spec_workflows/run/"
SIGNED: Final = GATE.model_copy(
    update={"trust": Trust.SIGNED, "reasons": ("service api is protected by the policy",)}
)
INSTRUCTION: Final = "repair the missing dependency for the api service"
HOSTILE: Final = "[click](http://evil.example) <img src=x onerror=alert(1)> | `x` http://evil.example"
PROJECTS: Final = {
    "running": "shop",
    "awaiting-approval": "billing",
    "rolled-back": "mail",
    "succeeded": "search",
}
STATES: Final = {
    "running": RunStatus.RUNNING,
    "awaiting-approval": RunStatus.AWAITING_APPROVAL,
    "rolled-back": RunStatus.ROLLED_BACK,
    "succeeded": RunStatus.SUCCEEDED,
}


class UiHost(ScriptedHost):
    """Answers by the project's name: it says how far a run comes."""

    def __init__(self) -> None:
        super().__init__()
        self.answers["build"] = self.building

    def _preflight(self, job: ports.PreflightInput) -> ports.PreflightResult:
        gate = SIGNED if job.project == PROJECTS["awaiting-approval"] else ApprovalGate()
        return super()._preflight(job).model_copy(update={"gate": gate, "limits": Limits(max_rounds=1)})

    def _analyze(self, job: ports.AnalyzeInput) -> ports.AnalyzeResult:
        quote = Quote(source="container log", line=14, text="ModuleNotFoundError: No module named 'yaml'")
        found = Finding(
            rule="python.module-not-found", kind=FindingKind.ADD_PYTHON_PACKAGE, names=("PyYAML",),
            target="api/requirements.txt", version="6.0.2", quotes=(quote,),
        )  # fmt: skip
        return super()._analyze(job).model_copy(update={"findings": (found,)})

    def _plan(self, job: ports.PlanInput) -> ports.PlanResult:
        made = super()._plan(job)
        changes = {"summary": "add PyYAML 6.0.2 to api/requirements.txt", "diff": DIFF}
        plan: ActionPlan = made.plan.model_copy(update=changes)
        return made.model_copy(
            update={"plan": plan, "artifacts": (linked("plan.json"), linked("patch.diff"))}
        )

    def building(self, job: ports.BuildInput) -> Any:
        """The build of one project never ends."""
        return self._beat() if self.project(job) == PROJECTS["running"] else self._build(job)

    def project(self, job: Any) -> str:
        """The project a step is for, from where its run was located."""
        return next(j.project for j in self.jobs["locate"] if j.run_id == job.run.run_id)

    async def _beat(self) -> Any:
        while True:
            activity.heartbeat(BEAT)
            await asyncio.sleep(0.2)

    def _verify(self, job: ports.VerifyInput) -> ports.VerifyResult:
        store = ContainerState(
            id="s" * 64, name="shop-store-1", service="store", status="running", image_id="i"
        )
        proof = NeighbourProof(before=(store,), after=(store,), untouched=True)
        done = ports.VerifyResult(duration_seconds=11, neighbours=proof, artifacts=(linked("verify.log"),))
        if self.project(job) != PROJECTS["rolled-back"]:
            return done
        why = OrchestratorError(
            "health_timeout", service="api", seconds="120", detail="GET /health answered 500"
        )
        return done.model_copy(update={"failure": why.failure(StepName.VERIFY)})

    def _rollback(self, job: ports.RollbackInput) -> ports.RollbackResult:
        same = Compared(what="image shop-api", before="sha256:c0ffee", after="sha256:c0ffee", same=True)
        outcome = RollbackOutcome(
            complete=True, state="api runs its previous image again; all files are as before",
            compared=(same,), not_undone=("what api wrote to volume shop_data",),
        )  # fmt: skip
        return ports.RollbackResult(outcome=outcome, artifacts=(linked("rollback.log"),))

    def _report(self, job: ports.ReportInput) -> ports.ArtifactsResult:
        return ports.ArtifactsResult(artifacts=(linked("report.html"), linked("manifest.json")))


def linked(name: str) -> Any:
    """Evidence that a browser could open."""
    return artifact(name).model_copy(update={"link": f"{LINK}{name}?X-Amz-Signature=ab12"})


@dataclass(frozen=True)
class UiStage:
    """The Web UI's address, and the runs to look at."""

    ui: str
    client: OrchestratorClient
    runs: dict[str, RunHandle]
    hostile: RunHandle

    def page(self, run: RunHandle, tab: str) -> str:
        """The address of one tab of a workflow's page."""
        workflow = run.workflow_id.replace(":", "%3A")
        return f"{self.ui}/namespaces/default/workflows/{workflow}/{run.run_id}/{tab}"


async def _until(client: OrchestratorClient, run: RunHandle, status: RunStatus) -> RunRecord:
    for _ in range(2400):
        record = await client.get(run)
        building = any(s.name is StepName.BUILD and s.status == "in_progress" for s in record.steps)
        if record.status is status and (building or status is not RunStatus.RUNNING):
            return record
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {status}: {record.status} {record.summary}")


@asynccontextmanager
async def ui_stage(directory: Path) -> AsyncIterator[UiStage]:
    """Server, Web UI, workers and the runs; everything ends with the body."""
    host = UiHost()

    async def wire(_settings: WorkerSettings, _state: StateDir, _project: Path | None) -> Wiring:
        return Wiring(host=HOST, activities=host.activities(), mask=str)

    settings = WorkerSettings(
        configured_state_dir=directory / "state", task_queue="mm.orchestrator", graceful_shutdown_seconds=0
    )
    async with embedded_stack(settings, wire) as stack:
        client = OrchestratorClient(stack.client)
        runs = {
            name: await client.start(
                RunRequest(
                    instruction=INSTRUCTION, service="api", project=PROJECTS[name], requested_by="dave"
                ),
                workflow_id=f"mm:{name}",
            )
            for name in STATES
        }
        hostile = await client.start(
            RunRequest(
                instruction=HOSTILE,
                service="api",
                project=PROJECTS["awaiting-approval"],
                requested_by="mallory",
            )
        )
        for name, status in STATES.items():
            await _until(client, runs[name], status)
        yield UiStage(stack.about.ui, client, runs, hostile)
