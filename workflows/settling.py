"""How a run ends: one rollback, the report, and what may be claimed after both (I4, FR-008, FR-010)."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import ports
    from workflows.coordinating import CoordinatingRun
    from workflows.errors import OrchestratorError
    from workflows.lifecycle import (
        Ended,
        StepFailed,
        evidence_warnings,
        outage_seconds,
        status_after_rollback,
    )
    from workflows.models.failure import Failure
    from workflows.models.request import RunRequest
    from workflows.models.status import RunStatus, StepName, StepStatus


class SettlingRun(CoordinatingRun):
    """A run that can be brought to its measured end."""

    def __init__(self, request: RunRequest) -> None:
        super().__init__(request)
        self._wrote = False
        """Whether a write may have happened since the last complete rollback."""

    async def _roll_back(self, ended: Ended, *, final: bool = True) -> Ended:
        """Put everything back once, and say what was measured."""
        self._begin(StepName.ROLLBACK)
        self._ledger.change(rollback=None)  # what an earlier, interim rollback measured says nothing now
        job = ports.RollbackInput(run=self._ref, reason=ended.code or ended.status, final=final)
        try:
            done = await self._perform(ports.ROLLBACK, job, heed_cancel=False)
        except StepFailed as failed:
            return self._taken_over(failed.failure) or self._incomplete(failed.failure.message)
        outcome = done.outcome
        neighbours = done.neighbours or self.record.neighbours
        outage = outage_seconds(self.record, workflow.now())
        self._ledger.change(rollback=outcome, neighbours=neighbours, downtime_seconds=outage)
        self._keep(StepName.ROLLBACK, done.artifacts, done.warnings)
        if not outcome.complete:
            self._end(StepName.ROLLBACK, outcome.state, StepStatus.FAILED)
            return self._incomplete("; ".join(outcome.mismatches) or outcome.state)
        self._end(StepName.ROLLBACK, outcome.state)
        status = status_after_rollback(ended.status, complete=True, nothing_written=outcome.nothing_written)
        return Ended(status, failure=ended.failure, code=ended.code, summary=ended.summary)

    async def _report(self, ended: Ended) -> None:
        """Store the final record; clients see the terminal status once the evidence is there."""
        await self._store_late_decisions()
        self._begin(StepName.REPORT)
        self._ledger.close_open_steps(workflow.now())
        self._end(StepName.REPORT, "evidence stored")
        outcome = ended.as_fields() | {"completed_at": workflow.now()}
        if self._task_queue is not None and not self._host_never_answered(ended):
            final = self.record.model_copy(update=outcome)
            job = ports.ReportInput(run=self._ref, record=final, events=tuple(self._ledger.events))
            try:
                reported = await self._perform(ports.REPORT, job, heed_cancel=False)
                self._ledger.store_found(reported.artifacts)
                self._ledger.warn((*evidence_warnings(self.record.artifacts), *reported.warnings))
            except StepFailed as failed:
                self._ledger.warn((self._unreported(ended, failed.failure),))
                if taken_over := self._taken_over(failed.failure):
                    outcome |= taken_over.as_fields()
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._ledger.change(**outcome)
        self._publish()

    def _host_never_answered(self, ended: Ended) -> bool:
        """Whoever did not take the first step will not take the report: nothing was written there anyway."""
        return ended.failure is not None and ended.failure.code == "host_unavailable" and not self._wrote

    def _taken_over(self, failure: Failure) -> Ended | None:
        """Somebody settled this run, say ``recover``: whatever was claimed here no longer counts."""
        if failure.code != "journal_settled":
            return None
        return Ended(RunStatus.FAILED, failure=failure)

    def _unreported(self, ended: Ended, failure: Failure) -> str:
        """The journal may be open still: a plain ``recover`` would undo a repair that holds."""
        text = f"the report could not be stored: {failure.message}"
        if ended.status is RunStatus.SUCCEEDED and self._wrote:
            return (
                f"{text}; settle it with: mm-orchestrator recover {self.record.run_id} --accept-current-state"
            )
        return text

    def _incomplete(self, detail: str) -> Ended:
        error = OrchestratorError("rollback_incomplete", detail=detail, run_id=self.record.run_id)
        return Ended(RunStatus.FAILED, failure=error.failure(StepName.ROLLBACK))
