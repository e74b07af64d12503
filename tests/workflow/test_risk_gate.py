"""Risks of a plan in a running workflow: they gate what no policy protects (invariant I2)."""

from collections.abc import Callable
from typing import Any

from tests.workflow.scripted_host import GATE, ScriptedHost, failing, finding
from workflows import ports
from workflows.models.policy import ApprovalGate
from workflows.models.policy_rules import Permission, RiskRule
from workflows.models.status import RunStatus, StepName

StageOf = Callable[[ScriptedHost], Any]
WAITING = RunStatus.AWAITING_APPROVAL
RISK = "shared_image: the image shop-api is also run by worker"
OPEN = GATE.model_copy(
    update={"protected": False, "requires_approval_when": (RiskRule.SHARED_IMAGE, RiskRule.LLM)}
)


def risky(host: ScriptedHost, *risks: str, after: int = 0) -> ScriptedHost:
    """Every plan has these risks, once so many were made without."""
    usual = host.answers["plan"]

    def plan(job: ports.PlanInput) -> ports.PlanResult:
        made: ports.PlanResult = usual(job)
        return made.model_copy(update={"risks": risks if len(host.jobs["plan"]) > after else ()})

    host.answers["plan"] = plan
    return host


async def test_an_unprotected_service_waits_with_a_risky_plan(stage_of: StageOf) -> None:
    """Nothing is written before the approval; the reasons are part of what is stored of it."""
    stage = await stage_of(risky(ScriptedHost(gate=OPEN), RISK))
    handle = await stage.start(requested_by="dave")
    record = await stage.until(handle, WAITING)
    assert "patch" not in stage.host.calls
    assert stage.host.jobs["plan"][0].requires_approval_when == OPEN.requires_approval_when
    assert stage.host.jobs["plan"][0].approvable, "so the operator's own word does not count for an approval"
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": record.plan.digest})
    assert (await handle.result())["status"] == "succeeded"
    gate = stage.host.jobs["record_approvals"][0].gate
    assert (gate.protected, gate.reasons) == (True, (RISK,))


async def test_without_a_risk_nothing_waits(stage_of: StageOf) -> None:
    """The rules alone gate nothing."""
    stage = await stage_of(risky(ScriptedHost(gate=OPEN)))
    assert (await stage.run()).status is RunStatus.SUCCEEDED
    assert "record_approvals" not in stage.host.calls


async def test_a_risky_run_of_nobody_ends_before_it_writes(stage_of: StageOf) -> None:
    """Without a requester nobody could be refused for approving their own run."""
    stage = await stage_of(risky(ScriptedHost(gate=OPEN), RISK))
    record = await stage.run()
    assert (record.status, record.code) == (RunStatus.FAILED, "requester_required")
    assert record.failure is not None
    assert record.failure.step is StepName.APPROVE
    assert "patch" not in stage.host.calls
    assert "rollback" not in stage.host.calls


async def test_where_nobody_can_approve_nobody_is_waited_for(stage_of: StageOf) -> None:
    """Zero configuration has no approver: the run ends at once and says what to do."""
    stage = await stage_of(risky(ScriptedHost(gate=ApprovalGate()), RISK))
    record = await stage.run(requested_by="dave")
    assert (record.status, record.code) == (RunStatus.FAILED, "approval_impossible")
    assert record.failure is not None
    assert RISK in record.failure.message
    assert not stage.host.jobs["plan"][0].approvable
    assert "patch" not in stage.host.calls


async def test_a_risky_plan_alone_is_no_failure(stage_of: StageOf) -> None:
    """``plan_only`` asks nobody."""
    stage = await stage_of(risky(ScriptedHost(gate=ApprovalGate()), RISK))
    assert (await stage.run(plan_only=True)).status is RunStatus.PLANNED


async def test_a_later_rounds_risk_puts_everything_back_before_it_waits(stage_of: StageOf) -> None:
    """Round one was harmless and is written; round two is risky: rolled back, then one plan to approve."""
    host = risky(ScriptedHost(gate=OPEN), RISK, after=1)
    host.then("verify", ports.VerifyResult(failure=failing("container_crashed", StepName.VERIFY)))
    more = ports.AnalyzeResult(healthy=False, findings=(finding("requests"),))
    host.then("analyze", host.answers["analyze"], more)
    stage = await stage_of(host)
    handle = await stage.start(requested_by="dave")
    record = await stage.until(handle, WAITING, revision=2)
    assert [job.final for job in host.jobs["rollback"]] == [False]
    assert host.calls.count("patch") == 1
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": record.plan.digest})
    assert (await handle.result())["status"] == "succeeded"


async def test_a_later_rounds_risk_that_nobody_can_approve_is_rolled_back(stage_of: StageOf) -> None:
    """What round one wrote does not stay."""
    host = risky(ScriptedHost(gate=ApprovalGate()), RISK, after=1)
    host.then("verify", ports.VerifyResult(failure=failing("container_crashed", StepName.VERIFY)))
    more = ports.AnalyzeResult(healthy=False, findings=(finding("requests"),))
    host.then("analyze", host.answers["analyze"], more)
    record = await (await stage_of(host)).run(requested_by="dave")
    assert (record.status, record.code) == (RunStatus.ROLLED_BACK, "approval_impossible")


async def test_what_preflight_permits_reaches_the_steps_that_ask_again(stage_of: StageOf) -> None:
    """Window, budget and expiry are pinned once and asked for after the wait and before the write."""
    permission = Permission(repairs_per_day=3)
    host = ScriptedHost(gate=GATE)
    usual = host.answers["preflight"]
    host.answers["preflight"] = lambda job: usual(job).model_copy(update={"permission": permission})
    stage = await stage_of(host)
    handle = await stage.start(requested_by="dave")
    record = await stage.until(handle, WAITING)
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": record.plan.digest})
    await handle.result()
    assert host.jobs["revalidate"][0].permission == permission
    assert host.jobs["patch"][0].permission == permission
