"""A run's place in its project's lane: asked for, given up (I7)."""

from dataclasses import dataclass

from temporalio import activity

from activities.adapters.temporal_runs import TemporalRuns
from workflows import ports
from workflows.models.lane import EnterLaneInput, LaneStanding, LeaveLaneInput, LeftLane


@dataclass(frozen=True)
class EnterLane:
    """Asks for the turn."""

    runs: TemporalRuns

    @activity.defn(name=ports.ENTER_LANE.name)
    async def enter_lane(self, job: EnterLaneInput) -> LaneStanding:
        """Where the run stands now; it keeps the place it has."""
        return await self.runs.enter_lane(job.lane, job.project, job.entry)


@dataclass(frozen=True)
class LeaveLane:
    """Gives it up."""

    runs: TemporalRuns

    @activity.defn(name=ports.LEAVE_LANE.name)
    async def leave_lane(self, job: LeaveLaneInput) -> LeftLane:
        """The next one has its turn."""
        await self.runs.leave_lane(job.lane, job.run_id)
        return LeftLane()
