"""How a run gets along with others: its turn in the lane, an operator's hold, its guard (I4, I7).

The lane gives order and lets others see it; safety is the project's lock and the journal on the host.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from workflows import ports
    from workflows.deciding import DecidingRun
    from workflows.errors import OrchestratorError
    from workflows.lifecycle import Ended, StepFailed
    from workflows.models.guarding import (
        GuardedRun,
        LookAroundInput,
        LookUpInput,
        OpenJournal,
        guard_id,
        lane_id,
    )
    from workflows.models.lane import (
        AwaitReleaseInput,
        EnterLaneInput,
        Hold,
        LaneEntry,
        LaneStanding,
        LeaveLaneInput,
    )
    from workflows.models.request import RunRequest
    from workflows.models.status import RunStatus, StepName, StepStatus
    from workflows.web_details import static_summary

GUARD_TYPE = "MoonMind.RunGuard"
_ASK_AGAIN = timedelta(seconds=60)
"""A lane that was terminated tells nobody; whoever waits finds out at the latest after this long."""
_LOOK_AGAIN = timedelta(seconds=3)

OTHERS_FIRST = frozenset({"project_busy", "project_held"})
"""Codes that say: not now, and nothing was written."""


class CoordinatingRun(DecidingRun):
    """A run among others."""

    def __init__(self, request: RunRequest) -> None:
        super().__init__(request)
        self._lane: str | None = None
        self._queued_since = workflow.info().workflow_start_time
        self._standing: LaneStanding | None = None
        self._guarded = False

    @workflow.signal(name="LaneTurn", description="{position, holder}: from the project's lane")
    def signal_lane_turn(self, standing: LaneStanding = LaneStanding()) -> None:  # noqa: B008 - immutable
        """The lane tells this run its place."""
        self._standing = standing
        if self.record.status is RunStatus.QUEUED and not standing.granted:
            self._say_place(standing)

    async def _take_turn(self) -> bool:
        """Wait until it is this run's turn on the project; True where others were before it."""
        if self._lane is not None:
            return False
        self._lane = lane_id(self._task_queue or "", self.record.project or "")
        waited = False
        while not (standing := await self._ask_for_the_turn(self._lane)).granted:
            waited = True
            self._say_place(standing)
            try:
                await workflow.wait_condition(
                    self._is_granted,
                    timeout=_ASK_AGAIN,
                    timeout_summary=f"asks the lane again, at place {standing.position}",
                )
            except TimeoutError:
                continue
            break
        if waited:
            self._ledger.change(status=RunStatus.RUNNING, lane=None, summary="")
            self._publish()
        return waited

    async def _ask_for_the_turn(self, lane: str) -> LaneStanding:
        info = workflow.info()
        entry = LaneEntry(
            run_id=self.record.run_id,
            workflow_id=info.workflow_id,
            execution_run_id=info.run_id,
            since=self._queued_since,
        )
        self._standing = None
        job = EnterLaneInput(lane=lane, project=self.record.project or "", entry=entry)
        answer = await self._perform(ports.ENTER_LANE, job)
        return self._standing or answer  # a signal may have overtaken the answer

    def _is_granted(self) -> bool:
        return self._standing is not None and self._standing.granted

    def _say_place(self, standing: LaneStanding) -> None:
        self._ledger.change(
            status=RunStatus.QUEUED,
            lane=standing,
            summary=f"number {standing.position} in the lane of {self.record.project}, "
            f"behind run {standing.holder}",
        )
        self._publish()

    async def _leave_lane(self) -> None:
        """Let the next one have its turn; the lane finds out by itself where this does not reach it."""
        if self._lane is None:
            return
        lane, self._lane = self._lane, None
        try:
            await self._perform(
                ports.LEAVE_LANE,
                LeaveLaneInput(lane=lane, run_id=self.record.run_id),
                heed_cancel=False,
            )
        except StepFailed:
            workflow.logger.warning("the lane could not be told that its turn is over")

    async def _give_way(self) -> None:
        """A hold, or another run in the middle of its changes, stands in the way: wait for it, or refuse.

        Raises:
            StepFailed: ``project_busy`` where nobody will settle what a run left.
        """
        job = LookAroundInput(run_id=self.record.run_id, project=self.record.project or "")
        seen = await self._perform(ports.LOOK_AROUND, job)
        if seen.hold is not None and not self._request.plan_only:
            await self._await_release(seen.hold)
        elif seen.unsettled:
            await self._stand_in_line(seen.unsettled)

    async def _was_in_the_middle_of_others(self, refusal: Ended | StepFailed) -> bool:
        """Whether this run judged what another run had only half done; then that run's end is awaited.

        Raises:
            StepFailed: ``project_busy`` where nobody will settle what the other run left.
        """
        final = isinstance(refusal, Ended) and refusal.status not in {RunStatus.FAILED, RunStatus.SUCCEEDED}
        if final or self._lane is not None:
            return False
        job = LookAroundInput(run_id=self.record.run_id, project=self.record.project or "")
        others = (await self._perform(ports.LOOK_AROUND, job)).unsettled
        if others:
            await self._stand_in_line(others)
        return bool(others)

    async def _await_release(self, hold: Hold) -> None:
        """An operator's pause: wait, holding nothing but the place in the lane."""
        self._ledger.change(status=RunStatus.QUEUED, summary=f"on hold: {hold.sentence}")
        self._publish()
        job = AwaitReleaseInput(run_id=self.record.run_id, project=self.record.project or "")
        while not (await self._perform(ports.AWAIT_RELEASE, job)).released:
            pass
        self._ledger.change(status=RunStatus.RUNNING, summary="")
        self._publish()

    async def _stand_in_line(self, others: tuple[OpenJournal, ...]) -> None:
        """Other runs are changing this project: wait for those that are alive, refuse after a lost one."""
        alive = (await self._perform(ports.LOOK_UP, LookUpInput(runs=others))).alive
        for other in others:
            if other.run_id not in alive:
                error = OrchestratorError("project_busy", run_id=other.run_id, project=self.record.project)
                self._end(StepName.PREFLIGHT, error.message, StepStatus.FAILED)
                raise StepFailed(error.failure(StepName.PREFLIGHT))
        if not await self._take_turn():  # a lane that was lost let us in too early
            await workflow.sleep(_LOOK_AGAIN, summary="the lane let this run in too early: looks again")

    async def _be_guarded(self) -> None:
        """Before the first write: whoever terminates this run runs no code of it (TEMPORAL trap 5)."""
        if self._guarded:
            return
        record = self.record
        guarded = GuardedRun(
            run_id=record.run_id,
            workflow_id=record.workflow_id,
            execution_run_id=workflow.info().run_id,
            project=record.project or "",
            service=record.service,
            host_queue=self._task_queue or "",
        )
        try:
            await workflow.start_child_workflow(
                GUARD_TYPE,
                guarded,
                id=guard_id(record.run_id),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                static_summary=static_summary(f"guards the run on {record.service} of {record.project}"),
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("a guard of this run is at work already")
        self._guarded = True
