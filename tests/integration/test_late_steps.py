"""Zombies: steps of a run that was settled or taken over change nothing (I4, I7)."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from activities.adapters.masking import Masking
from activities.adapters.project_resources import ProjectResources
from activities.analyze import Analyze
from activities.build import Build
from activities.plan import Plan
from activities.restart import Restart
from activities.rollback import Rollback
from activities.settle import Recovery
from activities.verify import Verify
from tests.integration.repair_stack import DOCKERFILE, GOOD, HostFactory, content, until
from tests.integration.state_rig import AFTER, REQUIREMENTS, RUN, Rig, wait_healthy
from workflows.errors import OrchestratorError
from workflows.models.plan import BuildStep, RestartStep
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus
from workflows.models.verification import Verification
from workflows.ports import BuildInput, ReportInput, RestartInput, RollbackInput


async def test_a_settled_journal_stops_build_and_restart(host: HostFactory):
    """A zombie step of a recovered run changes nothing."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    before = await on.containers()
    await on.open_journal()
    on.journals.raise_epoch(on.run_id, 1, by="recover")
    for step in (on.build("requirements.txt"), on.restart(force_recreate=True)):
        with pytest.raises(OrchestratorError) as raised:
            await step
        assert raised.value.code == "journal_settled"
    assert await on.containers() == before


async def test_a_build_that_is_overtaken_by_a_rollback_ends_and_claims_nothing(host: HostFactory):
    """Its command is ended, it fails ``journal_settled``, and the reference is what it was."""
    slow = DOCKERFILE.replace("RUN echo", "RUN echo early-words && sleep 48.12 && echo")
    on = host(Dockerfile=slow)
    await on.open_journal()
    build = asyncio.create_task(on.build("requirements.txt"))
    await until(lambda: b"early-words" in content(on.growing("build.log")) or build.done())
    assert not build.done()
    masking = Masking(on.engine, on.compose)
    resources = ProjectResources(on.engine.client)
    step = Rollback(on.journals, on.artifacts, on.engine, on.compose, resources, masking)
    done = await step.rollback(RollbackInput(run=on.ref, reason="recover"))
    assert done.outcome.complete, done.outcome.mismatches
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await build
    assert await on.engine.image_id(on.target.image) is None
    assert not list(on.state.children.iterdir())


async def test_a_verification_that_is_overtaken_ends_at_once(host: HostFactory):
    """Long before its window is over: what it says next is not what the rollback.s report vouches for."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    began = asyncio.get_running_loop().time()
    verify = asyncio.create_task(on.verify(Verification(max_wait_seconds=120, stability_window_seconds=90)))
    await until(lambda: b"is running" in content(on.growing("verify.log")) or verify.done())
    assert not verify.done()
    on.journals.raise_epoch(on.run_id, 1, by="rollback")
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await verify
    assert asyncio.get_running_loop().time() - began < 60


async def everything(rig: Rig) -> tuple[object, ...]:
    """Files, containers, image, and the evidence that the manifest vouches for."""
    names = await rig.artifacts.names(RUN)
    kept = [await rig.artifacts.existing(RUN, name) for name in names]
    hashes = {artifact.name: artifact.sha256 for artifact in kept if artifact is not None}
    image = await rig.docker.image_id(rig.target.image)
    return rig.sandbox.checksums(), rig.sandbox.fingerprints(), image, hashes


@pytest.mark.parametrize(
    "step", ["analyze", "plan", "patch", "build", "restart", "verify", "rollback", "report"]
)
async def test_a_late_step_of_a_settled_run_changes_nothing(rig: Rig, step: str):
    """Whatever wakes up after ``recover``: refused; files, containers, image, journal and evidence stay."""
    wait_healthy(rig)
    plan = rig.plan({REQUIREMENTS: AFTER}, steps=(BuildStep(image=rig.target.image), RestartStep(scale=1)))
    epoch = (await rig.patch(plan)).epoch
    await rig.build_and_restart()
    steps = (rig.rollback_step.rollback, rig.report_step.report)
    recovery = Recovery(rig.journals, rig.artifacts, rig.docker, *steps)
    await recovery.recover(RUN, accept_current_state=False)
    seen = await everything(rig)
    journal, late = rig.journal, rig.run(epoch=epoch)
    parts = (rig.journals, rig.docker, rig.compose, rig.artifacts, Masking(rig.docker, rig.compose))
    record = RunRecord(
        run_id=RUN,
        workflow_id="mm:1",
        status=RunStatus.SUCCEEDED,
        instruction="x",
        created_at=journal.opened_at,
    )
    nobody: Any = None  # none of their other parts may be asked
    verify = Verify(*parts[:3], nobody, rig.artifacts, nobody)
    told = SimpleNamespace(run=late, target=rig.target, verification=Verification())
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "analyze": lambda: Analyze(*[nobody] * 5, rig.journals).analyze(told),
        "plan": lambda: Plan(rig.journals, *[nobody] * 5).plan(told),
        "verify": lambda: verify.verify(told),
        "patch": lambda: rig.patch(plan, late),
        "build": lambda: Build(*parts).build(BuildInput(run=late, target=rig.target, plan=plan)),
        "restart": lambda: Restart(*parts).restart(RestartInput(run=late, target=rig.target, plan=plan)),
        "rollback": lambda: rig.rollback(run=late),
        "report": lambda: rig.report_step.report(ReportInput(run=late, record=record)),
    }
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await steps[step]()
    assert rig.journal == journal
    assert seen == await everything(rig)
