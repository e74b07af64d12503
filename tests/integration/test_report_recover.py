"""Report and recover on a real Docker engine: every journal comes to its end (I4, I6)."""

import asyncio
import json
import os
import sys
from dataclasses import replace

import pytest

from activities.adapters import process
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.process import ChildRegistry
from activities.settle import How, Recovery, Settle
from tests.integration.state_rig import AFTER, BEFORE, REQUIREMENTS, RUN, Rig
from worker.recover import recover_command
from worker.settings import WorkerSettings
from workflows.errors import OrchestratorError
from workflows.models.guarding import SettleInput
from workflows.models.manifest import Manifest
from workflows.models.record import FileTouched, RollbackOutcome, RunEvent, RunRecord, RunReport
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.ports import ArtifactsResult, ReportInput

pytestmark = [pytest.mark.timeout(240)]


@pytest.fixture
def recovery(rig: Rig) -> Recovery:
    """The parts of `recover`, on the same state directory."""
    report = replace(rig.report_step, settled_by="recover").report
    return Recovery(rig.journals, rig.artifacts, rig.docker, rig.rollback_step.rollback, report)


def ended(rig: Rig, status: RunStatus, rollback: RollbackOutcome | None = None) -> RunRecord:
    """The record a workflow would report."""
    created = rig.journal.opened_at
    return RunRecord(
        run_id=RUN, workflow_id="mm:1", status=status, project=rig.sandbox.name, service="api",
        instruction="repair api", files_touched=(FileTouched(path=REQUIREMENTS, before="a", after="b"),),
        rollback=rollback, created_at=created, completed_at=created,
    )  # fmt: skip


async def report(rig: Rig, record: RunRecord, epoch: int = 1) -> ArtifactsResult:
    """The report step."""
    event = RunEvent(
        ts=record.created_at, run_id=RUN, round=1, step=StepName.REPORT, state=StepStatus.SUCCEEDED
    )
    return await rig.report_step.report(ReportInput(run=rig.run(epoch=epoch), record=record, events=(event,)))


# Report


async def test_a_success_is_reported_and_settled_and_its_previous_image_kept(rig: Rig) -> None:
    """Evidence with checksums, journal settled, image still held; again changes nothing."""
    rig.sandbox.up()
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert RUN in await rig.docker.holds()
    stored = await report(rig, ended(rig, RunStatus.SUCCEEDED))
    own = ["events.jsonl", "report.json", "report.html"]
    found = ["diff-after.patch", "diff-before.patch"]  # made by the patch step, unknown to the record
    assert [a.name for a in stored.artifacts] == [*found, *own, "manifest.json"]
    settled = rig.journal.settled
    assert settled is not None
    assert (settled.by, settled.outcome) == ("report", "succeeded")
    assert RUN in await rig.docker.holds()
    document = RunReport.model_validate_json(await rig.text_of("report.json"))
    assert document.record.status is RunStatus.SUCCEEDED
    assert document.commit_message.startswith("repair api")
    manifest = json.loads(await rig.text_of("manifest.json"))
    assert {entry["name"] for entry in manifest["artifacts"]} == {*found, *own}
    assert "diff-after.patch" in await rig.text_of("report.html")
    await report(rig, ended(rig, RunStatus.SUCCEEDED))
    assert rig.journal.settled == settled
    assert rig.bytes_of(REQUIREMENTS) == AFTER


async def test_a_success_that_was_undone_meanwhile_is_not_claimed(rig: Rig, recovery: Recovery) -> None:
    """`recover` took over before the report: nothing says `succeeded`."""
    patched = await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await recovery.recover(RUN, accept_current_state=False)
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await report(rig, ended(rig, RunStatus.SUCCEEDED), patched.epoch)
    assert '"succeeded"' not in json.loads(await rig.text_of("report.json"))["record"]["status"]
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_the_manifest_vouches_for_the_story_as_it_is_by_now(rig: Rig) -> None:
    """Two executions of one run rolled back, one after the other; the first one reports last."""
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    mine = await rig.rollback()
    (log,) = [artifact for artifact in mine.artifacts if artifact.name == "rollback.log"]
    theirs = await rig.artifacts.put(RUN, "rollback.log", b"the story went on\n")
    record = ended(rig, RunStatus.ROLLED_BACK, mine.outcome).model_copy(update={"artifacts": (log,)})
    await report(rig, record)
    manifest = Manifest.model_validate_json(await rig.text_of("manifest.json"))
    (entry,) = [one for one in manifest.artifacts if one.name == "rollback.log"]
    assert entry.sha256 == theirs.sha256 != log.sha256


async def test_a_complete_rollback_is_settled_an_incomplete_one_stays_open(rig: Rig) -> None:
    """What is not measured to be back stays with the operator (I4)."""
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await report(rig, ended(rig, RunStatus.FAILED, RollbackOutcome(complete=False)))
    assert rig.journal.settled is None
    outcome = (await rig.rollback()).outcome
    await report(rig, ended(rig, RunStatus.ROLLED_BACK, outcome))
    settled = rig.journal.settled
    assert settled is not None
    assert settled.outcome == "rolled_back"


async def test_spooled_evidence_is_delivered_and_missing_evidence_is_named(rig: Rig) -> None:
    """The store was down during the run and is back for the report (SPEC edge case, I6)."""
    store = rig.artifacts.depot.root
    store.rmdir()
    store.write_bytes(b"")
    done = await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    assert {a.state.value for a in done.artifacts} == {"spooled"}
    outcome = (await rig.rollback()).outcome
    assert outcome.complete  # without a store
    stored = await report(rig, ended(rig, RunStatus.ROLLED_BACK, outcome))
    assert {a.state.value for a in stored.artifacts} == {"spooled"}
    store.unlink()
    again = await report(rig, ended(rig, RunStatus.ROLLED_BACK, outcome))
    assert {a.state.value for a in again.artifacts} == {"stored"}
    names = {entry["name"] for entry in json.loads(await rig.text_of("manifest.json"))["artifacts"]}
    assert names >= {"diff-before.patch", "diff-after.patch", "rollback.log", "report.json"}


# Recover


async def test_a_lost_run_is_rolled_back_and_reported(rig: Rig, recovery: Recovery) -> None:
    """Worker and Temporal are gone; the journal is enough."""
    rig.sandbox.up()
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert [j.run_id for j in recovery.unsettled()] == [RUN]
    (recovered,) = await recovery.recover("mm:1", accept_current_state=False)  # by workflow id
    assert recovered.how is How.ROLLED_BACK
    manifest = next(a for a in recovered.artifacts if a.name == "manifest.json")
    listed = Manifest.model_validate_json(await rig.artifacts.read(manifest))  # by its own checksum
    assert {entry.name for entry in listed.artifacts} >= {"rollback.log", "report.json", "diff-after.patch"}
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.sandbox.container("api").image.id == old_image
    settled = rig.journal.settled
    assert settled is not None
    assert (settled.by, settled.outcome) == ("recover", "rolled_back")
    assert RUN not in await rig.docker.holds()
    document = RunReport.model_validate_json(await rig.text_of("report.json"))
    assert document.record.status is RunStatus.ROLLED_BACK
    assert document.record.failure is not None
    assert document.record.failure.code == "run_recovered"
    assert {"diff-before.patch", "rollback.log"} <= {a.name for a in document.record.artifacts}
    assert "run_recovered" in await rig.text_of("report.html")
    (again,) = await recovery.recover(RUN, accept_current_state=False)
    assert again.how is How.ALREADY_SETTLED
    assert recovery.unsettled() == ()


async def test_a_zombie_step_is_ended_before_anything_is_put_back(rig: Rig, recovery: Recovery) -> None:
    """A step still runs a command and holds the lock: both end, and it changes nothing more (I7)."""
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    started = asyncio.Event()
    children = ChildRegistry(rig.state.children, RUN)

    async def zombie() -> None:
        async with rig.journals.holding(rig.sandbox.name, RUN, 1, 1) as guard:
            command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(300)"]
            await process.stream(
                command, env=dict(os.environ), sink=lambda _: started.set(), children=children
            )
            guard.check()
            raise AssertionError("it went on after the take-over")

    running = asyncio.create_task(zombie())
    await started.wait()
    (recovered,) = await recovery.recover(RUN, accept_current_state=False)
    assert recovered.how is How.ROLLED_BACK
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await running
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_the_current_state_can_be_accepted(rig: Rig, recovery: Recovery) -> None:
    """Nothing is changed, the operator's decision is on record, the project is free again."""
    rig.sandbox.up()
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    fingerprints = rig.sandbox.fingerprints()
    (recovered,) = await recovery.recover(RUN, accept_current_state=True)
    assert recovered.how is How.ACCEPTED
    assert rig.sandbox.fingerprints() == fingerprints
    assert rig.bytes_of(REQUIREMENTS) == AFTER
    assert rig.journals.unsettled(rig.sandbox.name) == ()
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await rig.rollback()
    record = RunReport.model_validate_json(await rig.text_of("report.json")).record
    assert record.status is RunStatus.FAILED
    assert record.code == "state_accepted"


async def test_the_command_lists_recovers_and_says_what_is_left(rig: Rig) -> None:
    """Exit code 5 while something is left open, 0 once it is settled; an unknown run has a code."""
    settings = WorkerSettings(MM_ORCHESTRATOR_STATE_DIR=str(rig.state.root))  # type: ignore[call-arg]
    said: list[str] = []
    assert await recover_command(settings, None, accept_current_state=False, say=said.append) == 0
    assert said == ["Nothing to recover: every journal is settled."]
    with pytest.raises(OrchestratorError, match="journal_missing"):
        await recover_command(settings, RUN, accept_current_state=False, say=said.append)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    said.clear()
    assert await recover_command(settings, None, accept_current_state=False, say=said.append) == 0
    assert f"mm-orchestrator recover {RUN}" in said[0]
    (rig.workspace / REQUIREMENTS).write_bytes(b"theirs\n")
    said.clear()
    assert await recover_command(settings, RUN, accept_current_state=False, say=said.append) == 5
    assert "incomplete" in said[0]
    assert REQUIREMENTS in said[1]
    assert "--accept-current-state" in said[-1]
    assert rig.journal.settled is None
    assert await recover_command(settings, RUN, accept_current_state=True, say=said.append) == 0
    assert rig.bytes_of(REQUIREMENTS) == b"theirs\n"
    told = await rig.text_of("rollback.log")
    assert "was changed by somebody else; it is left as it is." in told
    assert "an operator accepted it as it is. Nothing was changed." in told


async def test_docker_away_during_the_rollback(rig: Rig) -> None:
    """The files go back, the error is worth a retry, and the retry does the rest."""
    rig.sandbox.up()
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    away = {**os.environ, "DOCKER_HOST": f"unix://{rig.root}/no.sock"}
    engine, real = DockerEngine.from_environment(away), rig.rollback_step
    rig.rollback_step = replace(real, docker=engine, compose=ComposeRunner(away))
    with pytest.raises(OrchestratorError, match="docker_unavailable") as caught:
        await rig.rollback()
    assert caught.value.retryable
    assert [a.name for a in caught.value.artifacts] == ["rollback.log"]
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    rig.rollback_step = real
    assert (await rig.rollback()).outcome.complete


async def test_the_guards_result_carries_the_manifest(rig: Rig, recovery: Recovery) -> None:
    """What the guard settled can be proved like any other run: the checksum is in its result (I6)."""
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    done = await Settle(recovery).settle(SettleInput(run_id=RUN, workflow_id="mm:1"))
    assert done.manifest is not None
    stored = await rig.artifacts.read(done.manifest)
    assert json.loads(stored)["run_id"] == RUN
