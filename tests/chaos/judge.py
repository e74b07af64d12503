"""After the end of a run: wait until nothing works on it any more, measure, and let the oracle speak."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from starter.bundle.anchoring import not_checked
from starter.bundle.places import Folder
from starter.bundle.verifying import FileVerdict, check_bundle, manifest_of
from starter.client import OrchestratorClient
from tests.chaos import oracle
from tests.chaos.measure import Measured, inside, journals
from tests.chaos.oracle import TARGET, Control, Expected
from tests.chaos.site import Site
from tests.chaos.stack import Kind
from tests.chaos.strike import Victim, run_command
from tests.chaos.world import World
from workflows.errors import OrchestratorError
from workflows.models.artifact import ARTIFACT_NAMESPACE
from workflows.models.record import RunRecord

SETTLE_SECONDS = 90.0
PATIENCE_SECONDS = 25.0
"""For what moves by itself: a health check at its beginning, a container that its policy restarts."""


@dataclass(frozen=True)
class Verdict:
    """What was measured, and every contradiction."""

    record: RunRecord
    measured: str
    violations: list[str]


@dataclass(frozen=True)
class Judge:
    """Judges one run on one project."""

    world: World
    site: Site
    temporal: Client
    client: OrchestratorClient
    before: Measured
    contents: dict[str, bytes]
    victim: Victim
    shared: bool = False
    """Another run had its turn on the project meanwhile: the containers are as before, but others."""

    @property
    def expected(self) -> Expected:
        """What the oracle must know of the project."""
        stopped = self.site.kind is Kind.STOPPED
        return Expected(self.contents, self.site.kind is Kind.BROKEN, "side" if stopped else "store")

    async def closed(self, seconds: float) -> bool:
        """Wait until neither the run nor its guard runs any more; False where that takes too long."""
        deadline = asyncio.get_running_loop().time() + seconds
        ids = (self.victim.workflow_id, f"mm.guard:{self.victim.run_id}")
        while asyncio.get_running_loop().time() < deadline:
            if not any([await self._open(workflow_id) for workflow_id in ids]):
                return True
            await asyncio.sleep(0.25)
        return False

    async def verdict(self, control: Control) -> Verdict:
        """Measure until everything fits or the patience is over; a real violation stays one."""
        if not await self.settled():
            return await self._judged(control, ["its journal is open and nobody works on it any more"])
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            verdict = await self._judged(control, [])
            if not verdict.violations or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.5)
        if verdict.record.code == "rollback_incomplete" and not verdict.violations:
            return await self._recovered(control, verdict)
        return verdict

    async def again(self, control: Control | None) -> list[str]:
        """Contradictions that a second look finds."""
        return (await self._judged(control or Control(), [])).violations

    async def _judged(self, control: Control, known: list[str]) -> Verdict:
        record = await self.client.get(self.victim.workflow_id)
        now = await asyncio.to_thread(self.site.measure)
        new = oracle.repaired(self.before, now, self.expected, control)
        old = oracle.as_before(self.before, now, self.expected, control)
        measured = "repaired" if not new else "as_before" if not old else "neither"
        settled = [_outcome(j) for j in journals(self.world.state, self.victim.run_id)]
        found = [*known, *oracle.judge_claims(record, measured, settled)]
        if not settled and measured == "as_before" and not self.shared:
            found += oracle.untouched(self.before, now, control)
        if measured == "as_before" and self.victim.run_id in now.holds and None not in settled:
            found.append("the run was undone and still holds an image")
        if measured == "neither":
            found += [f"not repaired: {line}" for line in new] + [f"not as before: {line}" for line in old]
            if record.code == "rollback_incomplete":
                found = [line for line in found if not line.startswith("not ")]
        if not new:
            found += await asyncio.to_thread(self._wrong_inside, now)
        if (self.world.state / "children" / self.victim.run_id).exists():
            found.append("a command of the run is recorded as running")
        found += await asyncio.to_thread(self._not_as_vouched)
        return Verdict(record, measured, found)

    async def _recovered(self, control: Control, verdict: Verdict) -> Verdict:
        """The fault is lifted: the command that the record names must lead back."""
        code, said = await run_command(self.world, "recover", self.victim.run_id)
        again = await self._judged(control, [])
        found = [] if code == 0 else [f"recover ended with {code}: {said[-300:]}"]
        if again.measured != "as_before":
            found.append(f"after recover it is {again.measured}")
        return Verdict(verdict.record, "incomplete, recovered", [*found, *again.violations])

    async def settled(self) -> bool:
        """Wait until every journal of the run is settled, or the record says why one is not."""
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            found = [_outcome(j) for j in journals(self.world.state, self.victim.run_id)]
            if None not in found:
                return True
            try:
                if (await self.client.get(self.victim.workflow_id)).code == "rollback_incomplete":
                    return True
            except OrchestratorError:
                pass
            await asyncio.sleep(0.3)
        return False

    async def _open(self, workflow_id: str) -> bool:
        try:
            found = await self.temporal.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            return error.status.name != "NOT_FOUND"  # a server that is away says nothing
        return found.status is WorkflowExecutionStatus.RUNNING

    def _not_as_vouched(self) -> list[str]:
        """Evidence that is not what its manifest says (I6); where the store has none yet, nothing is said."""
        place = Folder(self.world.state / "artifacts" / ARTIFACT_NAMESPACE / self.victim.run_id)
        try:
            checked = check_bundle(place, manifest_of(place), not_checked("the files alone are looked at"))
        except OrchestratorError:
            return []
        if checked.sound:
            return []
        return [f"evidence: {file.name} is {file.verdict} {file.detail}" for file in checked.files
                if file.verdict is not FileVerdict.INTACT]  # fmt: skip

    def _wrong_inside(self, now: Measured) -> list[str]:
        """A repaired service runs what was planned, not only an image that is new."""
        found = []
        for container in now.of(TARGET):
            for path, content in self.contents.items():
                if not container.up:
                    continue
                there = inside(self.site.engine, container.id, f"/app/{path[4:]}")
                if there != content:
                    found.append(f"{container.name} runs {there!r}, not the planned {path}: {content!r}")
        return found


def _outcome(journal: dict[str, object]) -> str | None:
    settled = journal.get("settled")
    return str(settled["outcome"]) if isinstance(settled, dict) else None
