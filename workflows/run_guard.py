"""``MoonMind.RunGuard``: settles a run whose workflow is gone (I4; TEMPORAL trap 5).

A terminated workflow runs no code, not even its rollback. So each run starts a guard before its first
write, abandoned to live by itself: it watches the run, and where that was terminated, timed out or
failed, it puts back what the run's journals say.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows import ports
    from workflows.models.guarding import Closing, GuardedRun, GuardReport, SettleInput
    from workflows.models.record import RunRecord
    from workflows.performing import execute


@workflow.defn(name="MoonMind.RunGuard")
class RunGuard:
    """Watches one run."""

    @workflow.run
    async def run(self, guarded: GuardedRun) -> GuardReport:
        """Wait for the run's end; settle it where it was lost."""
        workflow.set_current_details(f"Watches run `{guarded.run_id}`.")
        closing = await self._closing(guarded)
        if not closing.lost:
            return GuardReport(closing=closing)
        workflow.set_current_details(f"Run `{guarded.run_id}` was {closing}; its journal is being settled.")
        job = SettleInput(
            run_id=guarded.run_id, workflow_id=guarded.workflow_id, record=await self._record(guarded)
        )
        try:
            done = await execute(ports.SETTLE, job, queue=guarded.host_queue, summary=f"run was {closing}")
        except ActivityError as error:
            state = f"It could not be settled: {error.cause or error}"
            return GuardReport(closing=closing, complete=False, state=state)
        return GuardReport(
            closing=closing,
            settled=done.settled,
            complete=done.complete,
            state=done.state,
            manifest=done.manifest,
        )

    async def _closing(self, guarded: GuardedRun) -> Closing:
        closing = Closing.OPEN
        while closing is Closing.OPEN:  # the worker that watched was stopped; the next one watches on
            seen = await execute(ports.WATCH_RUN, guarded, summary=f"until {guarded.workflow_id} ends")
            closing = seen.closing
        return closing

    async def _record(self, guarded: GuardedRun) -> RunRecord | None:
        """What the lost run still tells when it is asked; the report can do without."""
        try:
            return (await execute(ports.READ_RECORD, guarded, summary="its last record")).record
        except ActivityError:
            return None
