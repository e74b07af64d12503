"""What is asked of Temporal itself: how a workflow stands, its record, a place in a lane.

The only user of a Temporal client among the activities; the workflows it speaks of are named by id.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import ValidationError
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError, RPCStatusCode

from workflows.models.delivery import DeliveryState, delivery_id
from workflows.models.guarding import Closing, GuardedRun, guard_id
from workflows.models.lane import LaneEntry, LaneStanding, LaneState
from workflows.models.record import RunRecord

LANE_TYPE: Final = "MoonMind.ProjectLane"
GUARD_TYPE: Final = "MoonMind.RunGuard"
DELIVERY_TYPE: Final = "MoonMind.ArtifactDelivery"
_RPC: Final = timedelta(seconds=10)
_ASK_AGAIN_SECONDS: Final = 1.0
_CLOSINGS: Final = {
    WorkflowExecutionStatus.RUNNING: Closing.OPEN,
    WorkflowExecutionStatus.COMPLETED: Closing.COMPLETED,
    WorkflowExecutionStatus.CANCELED: Closing.CANCELED,
    WorkflowExecutionStatus.FAILED: Closing.FAILED,
    WorkflowExecutionStatus.TERMINATED: Closing.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT: Closing.TIMED_OUT,
    WorkflowExecutionStatus.CONTINUED_AS_NEW: Closing.OPEN,
}


@dataclass(frozen=True)
class TemporalRuns:
    """Asks one server, in one namespace."""

    client: Client
    task_queue: str
    """Where lanes and guards run: the lifecycle's queue."""

    async def closing(self, workflow_id: str, execution_run_id: str | None = None) -> Closing:
        """How an execution stands; without a run id the newest one.

        Raises:
            RPCError: the server does not answer.
        """
        handle = self.client.get_workflow_handle(workflow_id, run_id=execution_run_id)
        try:
            described = await handle.describe(rpc_timeout=_RPC)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Closing.UNKNOWN
            raise
        status = described.status
        return Closing.UNKNOWN if status is None else _CLOSINGS[status]

    async def until_closed(self, workflow_id: str, execution_run_id: str | None = None) -> Closing:
        """Wait for the end of an execution: the server tells, nobody polls.

        Raises:
            RPCError: the server does not answer.
        """
        handle = self.client.get_workflow_handle(workflow_id, run_id=execution_run_id)
        while True:
            closing = await self.closing(workflow_id, execution_run_id)
            if closing is not Closing.OPEN:
                return closing
            with suppress(WorkflowFailureError, TemporalError):
                await handle.result(follow_runs=False)
            # where the answer cannot be read, or names the next of a chain, it is not asked for at once again
            if await self.closing(workflow_id, execution_run_id) is Closing.OPEN:
                await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def alive(self, run_id: str, workflow_id: str) -> bool:
        """Whether the run's workflow is open, or its guard still at work."""
        for watched in (workflow_id, guard_id(run_id)):
            if await self.closing(watched) is Closing.OPEN:
                return True
        return False

    async def record(self, workflow_id: str, execution_run_id: str | None = None) -> RunRecord | None:
        """What the workflow answers to the query ``status``, open or closed; None where it does not.

        Raises:
            RPCError: the server does not answer.
        """
        handle = self.client.get_workflow_handle(workflow_id, run_id=execution_run_id)
        try:
            record: RunRecord = await handle.query("status", result_type=RunRecord, rpc_timeout=_RPC)
        except (WorkflowQueryFailedError, ValidationError, TemporalError):
            return None
        return record

    async def enter_lane(self, lane: str, project: str, entry: LaneEntry) -> LaneStanding:
        """A place in the lane, which is opened where there is none.

        Raises:
            RPCError: the server does not answer.
            WorkflowUpdateFailedError: the lane closed in the same moment; worth another try.
        """
        opening: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
            LANE_TYPE,
            LaneState(project=project),
            id=lane,
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"one run after the other on {project}",
        )
        standing: LaneStanding = await self.client.execute_update_with_start_workflow(
            "Enter", entry, start_workflow_operation=opening, result_type=LaneStanding, rpc_timeout=_RPC
        )
        return standing

    async def leave_lane(self, lane: str, run_id: str) -> None:
        """Give up the turn or the place; a lane that is gone needs no word.

        Raises:
            RPCError: the server does not answer.
        """
        try:
            await self.client.get_workflow_handle(lane).signal("Leave", run_id, rpc_timeout=_RPC)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def guard(self, guarded: GuardedRun) -> None:
        """Start the guard of a run; one that is at work already goes on.

        Raises:
            RPCError: the server does not answer.
        """
        await self.client.start_workflow(
            GUARD_TYPE,
            guarded,
            id=guard_id(guarded.run_id),
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"settles what a lost run left in {guarded.project}",
            rpc_timeout=_RPC,
        )

    async def deliver(self, host_queue: str) -> None:
        """Start the delivery of a host's spooled evidence; one that is at work already goes on.

        Raises:
            RPCError: the server does not answer.
        """
        await self.client.start_workflow(
            DELIVERY_TYPE,
            DeliveryState(host_queue=host_queue),
            id=delivery_id(host_queue),
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary="brings spooled evidence to the artifact store",
            rpc_timeout=_RPC,
        )
