"""``MoonMind.ProjectLane``: one run after the other on a Compose project, in the order they asked (I7).

The lane gives order and visibility. It lives while somebody wants it; should it be lost, whoever waits
asks again and is sorted in by when it first asked. That two never write at once is not its doing: the
project's lock and journal see to that.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from workflows import ports
    from workflows.models.guarding import Closing, GuardedRun, guard_id
    from workflows.models.lane import LaneEntry, LaneStanding, LaneState, LaneView
    from workflows.performing import execute
    from workflows.web_details import lane_details

_NEAR = 3
"""So close to its turn a run hears of every step; further back only when its place has halved."""


@workflow.defn(name="MoonMind.ProjectLane")
class ProjectLane:
    """FIFO; the first entry is the holder."""

    @workflow.init
    def __init__(self, state: LaneState) -> None:
        self._project = state.project
        self._entries = list(state.entries)
        self._told: dict[str, int] = {}
        self._moved = True

    @workflow.run
    async def run(self, state: LaneState) -> None:  # noqa: ARG002 - __init__ took it
        """Serve the runs until none is left."""
        while self._entries:
            await self._serve(self._entries[0])
            if self._entries and workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(LaneState(project=self._project, entries=tuple(self._entries)))

    @workflow.update(name="Enter", description="A LaneEntry; the answer is the run's LaneStanding")
    def enter(self, entry: LaneEntry) -> LaneStanding:
        """Take a place; asking again keeps it."""
        known = next((i for i, e in enumerate(self._entries) if e.run_id == entry.run_id), None)
        if known is not None:
            self._entries[known] = entry
        else:
            self._insert(entry)
        standing = self._standing(entry.run_id)
        self._told[entry.run_id] = standing.position
        self._show()
        return standing

    @workflow.signal(name="Leave", description="A run id: its turn or its wait is over")
    def leave(self, run_id: str = "") -> None:
        """Give up the turn or the place."""
        self._drop(run_id)

    @workflow.query(name="lane", description="{project, holder, waiting}")
    def view(self) -> LaneView:
        """Who may change the project now, and who comes next."""
        ids = [entry.run_id for entry in self._entries]
        return LaneView(project=self._project, holder=next(iter(ids), None), waiting=tuple(ids[1:]))

    async def _serve(self, holder: LaneEntry) -> None:
        """Until the holder leaves, or is seen to have ended."""
        watch = asyncio.create_task(self._ended(holder))
        while self._holds(holder) and not watch.done():
            await self._tell()
            await workflow.wait_condition(lambda: self._moved or watch.done())
        if watch.done():
            self._drop(holder.run_id)
        watch.cancel()

    async def _ended(self, holder: LaneEntry) -> None:
        """Its workflow is closed, and so is the guard that may still put back what it left."""
        run = GuardedRun(
            run_id=holder.run_id, workflow_id=holder.workflow_id, execution_run_id=holder.execution_run_id
        )
        guard = GuardedRun(run_id=holder.run_id, workflow_id=guard_id(holder.run_id))
        for watched in (run, guard):
            closing = Closing.OPEN
            while closing is Closing.OPEN:
                summary = f"until {watched.workflow_id} ends"
                closing = (await execute(ports.WATCH_RUN, watched, summary=summary)).closing

    async def _tell(self) -> None:
        """Tell the runs whose place has changed enough; one that cannot be told has ended."""
        self._moved = False
        moved = [entry for entry in self._entries if self._worth_telling(entry)]
        await asyncio.gather(*(self._signal(entry) for entry in moved))

    def _worth_telling(self, entry: LaneEntry) -> bool:
        position, told = self._standing(entry.run_id).position, self._told.get(entry.run_id)
        if told is None:
            return True
        return position < told and (position <= _NEAR or position <= told // 2)

    async def _signal(self, entry: LaneEntry) -> None:
        standing = self._standing(entry.run_id)
        run = workflow.get_external_workflow_handle(entry.workflow_id, run_id=entry.execution_run_id)
        try:
            await run.signal("LaneTurn", standing)
        except FailureError:
            self._drop(entry.run_id)
            return
        self._told[entry.run_id] = standing.position

    def _standing(self, run_id: str) -> LaneStanding:
        ids = [entry.run_id for entry in self._entries]
        return LaneStanding(position=ids.index(run_id), holder=ids[0])

    def _holds(self, entry: LaneEntry) -> bool:
        return bool(self._entries) and self._entries[0].run_id == entry.run_id

    def _insert(self, entry: LaneEntry) -> None:
        """By when it first asked, but never before the holder: it may be writing."""
        at = len(self._entries)
        while at > 1 and self._entries[at - 1].since > entry.since:
            at -= 1
        self._entries.insert(at, entry)

    def _drop(self, run_id: str) -> None:
        self._entries = [entry for entry in self._entries if entry.run_id != run_id]
        self._told.pop(run_id, None)
        self._moved = True
        self._show()

    def _show(self) -> None:
        workflow.set_current_details(lane_details(self.view()))
