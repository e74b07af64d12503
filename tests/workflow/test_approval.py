"""The approval gate in a running workflow (SPEC User Story 3, invariant I2)."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.workflow.scripted_host import GATE, ScriptedHost, failing, finding
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.approval import Approval, Verdict
from workflows.models.policy import Trust
from workflows.models.record import FileTouched, RollbackOutcome
from workflows.models.status import RunStatus, StepName

StageOf = Callable[[ScriptedHost], Any]
WAITING = RunStatus.AWAITING_APPROVAL


async def test_a_protected_service_sees_no_write_before_the_approval(stage_of: StageOf) -> None:
    """The run waits with a plan; only the approval lets it write, and no earlier step runs again."""
    stage = await stage_of(ScriptedHost(gate=GATE))
    handle = await stage.start(requested_by="dave")
    record = await stage.until(handle, WAITING)
    assert "patch" not in stage.host.calls
    answer = Approval.model_validate(
        await handle.execute_update("Approve", {"approver": "alice", "plan_digest": record.plan.digest})
    )
    assert answer.verdict is Verdict.APPROVED
    final = await handle.result()
    assert final["status"] == "succeeded"
    calls = stage.host.calls
    assert [calls.count(name) for name in ("preflight", "analyze", "plan", "revalidate", "patch")] == [1] * 5
    assert calls.index("revalidate") < calls.index("patch")
    assert final["approvals"][0]["approver"] == "alice"
    assert final["approvals"][0]["at"]
    assert "approval.json" in {a["name"] for a in final["artifacts"]}


async def test_the_temporal_command_lines_signal_is_enough(stage_of: StageOf) -> None:
    """``temporal workflow signal --name Approve`` approves as well."""
    stage = await stage_of(ScriptedHost(gate=GATE))
    handle = await stage.start(requested_by="dave")
    record = await stage.until(handle, WAITING)
    await handle.signal("Approve", {"approver": "bob", "plan_digest": record.plan.digest})
    assert (await handle.result())["status"] == "succeeded"


REFUSALS = [
    ({"approver": "alice"}, "plan_digest_required"),
    ({"approver": "alice", "plan_digest": "0" * 64}, "plan_digest_mismatch"),
    ({"approver": "mallory", "plan_digest": "PLAN"}, "approver_unknown"),
    ({"approver": "carol", "plan_digest": "PLAN"}, "approver_role_missing"),
    ({"approver": "dave", "plan_digest": "PLAN"}, "self_approval"),
    ({"plan_digest": "PLAN"}, "approver_required"),
    ({"approver": 17, "plan_digest": ["x"]}, "approver_unknown"),
]


@pytest.mark.parametrize(("attempt", "code"), REFUSALS, ids=[code for _, code in REFUSALS])
@pytest.mark.parametrize("way", ["update", "signal"])
async def test_invalid_approvals_are_refused_on_record(
    stage_of: StageOf, attempt: dict[str, Any], code: str, way: str
) -> None:
    """Every refusal is on record with its code, the caller of an update hears it, nothing is written."""
    stage = await stage_of(ScriptedHost(gate=GATE))
    handle = await stage.start(requested_by="dave")
    record = await stage.until(handle, WAITING)
    attempt = {key: record.plan.digest if value == "PLAN" else value for key, value in attempt.items()}
    if way == "update":
        assert (await handle.execute_update("Approve", attempt))["code"] == code
    else:
        await handle.signal("Approve", attempt)
    record = await stage.record(handle)
    assert [(a.verdict, a.code) for a in record.approvals] == [(Verdict.REFUSED, code)]
    assert record.status is WAITING
    assert "patch" not in stage.host.calls
    await handle.terminate()


async def test_signed_trust_accepts_no_bare_name(stage_of: StageOf) -> None:
    """Without ``trust: unsigned`` a bare name never approves anything."""
    gate = GATE.model_copy(update={"trust": Trust.SIGNED})
    stage = await stage_of(ScriptedHost(gate=gate))
    handle = await stage.start(requested_by="dave")
    record = await stage.until(handle, WAITING)
    attempt = {"approver": "alice", "plan_digest": record.plan.digest}
    assert (await handle.execute_update("Approve", attempt))["code"] == "signature_required"
    await handle.terminate()


async def test_a_quorum_needs_different_people(stage_of: StageOf) -> None:
    """Two approvals by one person are one."""
    stage = await stage_of(ScriptedHost(gate=GATE.model_copy(update={"quorum": 2})))
    handle = await stage.start(requested_by="dave")
    digest = (await stage.until(handle, WAITING)).plan.digest
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": digest})
    again = await handle.execute_update("Approve", {"approver": "alice", "plan_digest": digest})
    assert again["code"] == "approver_repeated"
    assert (await stage.record(handle)).status is WAITING
    await handle.execute_update("Approve", {"approver": "bob", "plan_digest": digest})
    assert (await handle.result())["status"] == "succeeded"


async def test_nobody_approves_in_time(stage_of: StageOf) -> None:
    """``rejected``, ``approval_expired``, and nothing was written."""
    gate = GATE.model_copy(update={"time_limit_seconds": timedelta(days=2).total_seconds()})
    stage = await stage_of(ScriptedHost(gate=gate))
    record = await stage.run(requested_by="dave")
    assert (record.status, record.code) == (RunStatus.REJECTED, "approval_expired")
    assert "patch" not in stage.host.calls
    assert "rollback" not in stage.host.calls


async def test_a_rejection_ends_the_run_with_its_reason(stage_of: StageOf) -> None:
    """An approver says no; who and why are on record."""
    stage = await stage_of(ScriptedHost(gate=GATE))
    handle = await stage.start(requested_by="dave")
    await stage.until(handle, WAITING)
    refused = await handle.execute_update("Reject", {"approver": "mallory", "reason": "mine"})
    assert refused["verdict"] == "refused"
    await handle.execute_update("Reject", {"approver": "bob", "reason": "not on a Friday"})
    final = await handle.result()
    assert (final["status"], final["code"]) == ("rejected", "approval_rejected")
    assert "not on a Friday" in final["failure"]["message"]
    assert "patch" not in stage.host.calls


async def test_drift_while_waiting_needs_a_new_approval(stage_of: StageOf) -> None:
    """The files changed meanwhile: a new revision, and the old approval does not count for it."""
    host = ScriptedHost(gate=GATE)
    host.then("revalidate", ports.RevalidateResult(drift=("api/requirements.txt changed",)))
    usual = host.answers["analyze"]
    host.then("analyze", usual, ports.AnalyzeResult(healthy=False, findings=(finding("requests"),)))
    stage = await stage_of(host)
    handle = await stage.start(requested_by="dave")
    first = (await stage.until(handle, WAITING)).plan
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": first.digest})
    record = await stage.until(handle, WAITING, revision=2)
    assert record.plan.revision == 2
    late = await handle.execute_update("Approve", {"approver": "bob", "plan_digest": first.digest})
    assert late["code"] == "plan_digest_mismatch"
    assert "patch" not in host.calls
    await handle.execute_update("Approve", {"approver": "bob", "plan_digest": record.plan.digest})
    final = await handle.result()
    assert final["status"] == "succeeded"
    assert any("revision 1 no longer held" in warning for warning in final["warnings"])


async def test_approvals_nobody_asked_for(stage_of: StageOf) -> None:
    """Before a plan ``no_plan_yet``; where nothing waits ``approval_not_needed``."""
    host = ScriptedHost()
    begun = host.hang("analyze")
    stage = await stage_of(host)
    handle = await stage.start()
    await begun.wait()
    assert (await handle.execute_update("Approve", {"approver": "alice"}))["code"] == "no_plan_yet"
    await handle.terminate()


async def test_a_later_round_waits_with_everything_put_back(stage_of: StageOf) -> None:
    """Round two of a protected service: rolled back first, then one cumulative plan, approved anew."""
    host = ScriptedHost(gate=GATE)
    host.then("verify", ports.VerifyResult(failure=failing("container_crashed", StepName.VERIFY)))
    usual = host.answers["analyze"]
    host.then("analyze", usual, ports.AnalyzeResult(healthy=False, findings=(finding("requests"),)))
    stage = await stage_of(host)
    handle = await stage.start(requested_by="dave")
    first = (await stage.until(handle, WAITING)).plan
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": first.digest})
    record = await stage.until(handle, WAITING, revision=2)
    assert host.calls.count("rollback") == 1
    assert host.jobs["rollback"][0].final is False
    assert "PyYAML" in record.plan.diff
    assert "requests" in record.plan.diff
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": record.plan.digest})
    final = await handle.result()
    assert final["status"] == "succeeded"
    assert [job.run.generation for job in host.jobs["patch"]] == [1, 2]
    assert host.jobs["patch"][1].run.epoch == 0


async def test_an_interim_rollback_does_not_vouch_for_the_last_one(stage_of: StageOf) -> None:
    """The final rollback fails: what an earlier round's rollback measured must not settle the run (I4)."""
    host = ScriptedHost(gate=GATE)
    crashed = ports.VerifyResult(failure=failing("container_crashed", StepName.VERIFY))
    host.then("verify", crashed)
    host.then("analyze", host.answers["analyze"],
              ports.AnalyzeResult(healthy=False, findings=(finding("requests"),)))  # fmt: skip
    host.then("build", host.answers["build"], OrchestratorError("image_missing", service="api", image="x"))
    host.then(
        "rollback", host.answers["rollback"], OrchestratorError("journal_unreadable", path="j", detail="x")
    )
    stage = await stage_of(host)
    handle = await stage.start(requested_by="dave")
    for revision in (1, 2):
        plan = (await stage.until(handle, WAITING, revision=revision)).plan
        await handle.execute_update("Approve", {"approver": "alice", "plan_digest": plan.digest})
    final = await handle.result()
    assert (final["status"], final["code"]) == ("failed", "rollback_incomplete")
    assert host.calls.count("rollback") == 2
    assert host.jobs["report"][0].record.rollback is None


async def test_a_second_interim_rollback_that_fails_ends_the_run(stage_of: StageOf) -> None:
    """Nobody is asked to approve a third plan while the second one's changes are still there (I2, I4)."""
    host = ScriptedHost(gate=GATE)
    crashed = ports.VerifyResult(failure=failing("container_crashed", StepName.VERIFY))
    host.then("verify", crashed, crashed)
    found = [ports.AnalyzeResult(healthy=False, findings=(finding(name),)) for name in ("requests", "redis")]
    host.then("analyze", host.answers["analyze"], *found)
    host.then(
        "rollback", host.answers["rollback"], OrchestratorError("journal_unreadable", path="j", detail="x")
    )
    stage = await stage_of(host)
    handle = await stage.start(requested_by="dave")
    for revision in (1, 2):
        plan = (await stage.until(handle, WAITING, revision=revision)).plan
        await handle.execute_update("Approve", {"approver": "alice", "plan_digest": plan.digest})
    final = await handle.result()
    assert (final["status"], final["code"]) == ("failed", "rollback_incomplete")
    assert host.calls.count("rollback") == 2


async def test_files_put_back_before_a_wait_are_not_told_as_changed(stage_of: StageOf) -> None:
    """A run that is rejected in round two has every file as it was, and its record says so."""
    host = ScriptedHost(gate=GATE)
    host.then("verify", ports.VerifyResult(failure=failing("container_crashed", StepName.VERIFY)))
    host.then("analyze", host.answers["analyze"],
              ports.AnalyzeResult(healthy=False, findings=(finding("requests"),)))  # fmt: skip
    back = FileTouched(path="api/requirements.txt", before="b" * 64, after="b" * 64)
    outcome = RollbackOutcome(complete=True, state="as before", files=(back,))
    host.then("rollback", ports.RollbackResult(outcome=outcome))
    stage = await stage_of(host)
    handle = await stage.start(requested_by="dave")
    plan = (await stage.until(handle, WAITING)).plan
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": plan.digest})
    await stage.until(handle, WAITING, revision=2)
    await handle.execute_update("Reject", {"approver": "alice", "reason": "no"})
    final = await handle.result()
    assert final["status"] == "rejected"
    assert [(f["before"], f["after"]) for f in final["files_touched"]] == [("b" * 64, "b" * 64)]


async def test_a_flood_of_refused_attempts_cannot_stop_the_run(stage_of: StageOf) -> None:
    """The first twenty are on record, the rest only as it was sent; an approval gets through (I4)."""
    stage = await stage_of(ScriptedHost(gate=GATE))
    handle = await stage.start(requested_by="dave")
    record = await stage.until(handle, WAITING)
    noise = {"approver": "m" * 9000, "plan_digest": "\x00" * 9000, "comment": "\x00" * 9000}
    for _ in range(130):
        await handle.signal("Approve", noise)
    answer = await handle.execute_update("Approve", noise)
    assert answer["code"] == "approver_unknown"
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": record.plan.digest})
    final = await handle.result()
    assert final["status"] == "succeeded"
    assert [a["verdict"] for a in final["approvals"]] == ["refused"] * 20 + ["approved"]
    assert "more than 20 attempts to approve or reject were refused" in final["warnings"]
    assert len(json.dumps(final)) < 1024 * 1024
    assert "check_token" not in stage.host.asked
