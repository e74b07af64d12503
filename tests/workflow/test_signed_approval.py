"""Signed approvals in a running workflow: judged in order, bound to this wait, never outliving it (I2)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.workflow.scripted_host import GATE, ScriptedHost
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.approval import Verdict
from workflows.models.policy import Trust
from workflows.models.record import RollbackOutcome
from workflows.models.status import RunStatus
from workflows.models.token import TokenChecked

StageOf = Callable[[ScriptedHost], Any]
WAITING = RunStatus.AWAITING_APPROVAL
SIGNED = GATE.model_copy(update={"trust": Trust.SIGNED})


async def waiting(stage_of: StageOf, host: ScriptedHost, **request: Any) -> tuple[Any, Any]:
    """A stage and a run on it that waits for its approval."""
    stage = await stage_of(host)
    handle = await stage.start(**({"requested_by": "dave"} | request))
    await stage.until(handle, WAITING)
    return stage, handle


@pytest.mark.parametrize("way", ["update", "signal"])
async def test_a_token_alone_approves(stage_of: StageOf, way: str) -> None:
    """No digest and no name beside it; the token itself is in no record, memo or artifact of ours."""
    stage, handle = await waiting(stage_of, ScriptedHost(gate=SIGNED))
    attempt = {"token": "by:alice"}
    if way == "update":
        answer = await handle.execute_update("Approve", attempt)
        assert (answer["verdict"], answer["signed"], answer["approver"]) == ("approved", True, "alice")
    else:
        await handle.signal("Approve", attempt)
    final = await handle.result()
    assert final["status"] == "succeeded"
    (approval,) = final["approvals"]
    assert approval["valid_until"] > approval["at"]
    assert "by:alice" not in str(final)
    assert stage.host.jobs["patch"][0].approved_until is not None
    (job,) = stage.host.jobs["check_token"]
    assert (job.run_id, job.service, job.act) == (final["run_id"], "api", "approve")
    assert job.plan_digest == final["plan"]["digest"]


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("token_signature_invalid:alice", "token_signature_invalid"),
        ("token_replayed:alice", "token_replayed"),
        ("by:dave", "self_approval"),
        ("by: DAVE", "self_approval"),
        ("by:\uff24ave", "self_approval"),
        ("by:carol", "approver_role_missing"),
        ("by:mallory", "approver_unknown"),
    ],
)
async def test_refused_tokens_are_on_record_once(stage_of: StageOf, token: str, code: str) -> None:
    """With the code and whom the token named; the run waits on, and a good one still counts."""
    stage, handle = await waiting(stage_of, ScriptedHost(gate=SIGNED))
    assert (await handle.execute_update("Approve", {"token": token}))["code"] == code
    record = await stage.record(handle)
    assert (record.status, [a.code for a in record.approvals]) == (WAITING, [code])
    assert not record.approvals[0].signed
    assert "patch" not in stage.host.calls
    await handle.signal("Approve", {"token": "by:bob"})
    assert [a["verdict"] for a in (await handle.result())["approvals"]] == ["refused", "approved"]


async def test_a_token_for_another_digest_or_name_than_it_is_sent_with(stage_of: StageOf) -> None:
    """What stands beside the token cannot widen it; the name that counts is the signed one."""
    _, handle = await waiting(stage_of, ScriptedHost(gate=SIGNED))
    wrong = {"token": "by:alice", "plan_digest": "0" * 64}
    assert (await handle.execute_update("Approve", wrong))["code"] == "plan_digest_mismatch"
    renamed = await handle.execute_update("Approve", {"token": "by:alice", "approver": "bob"})
    assert renamed["approver"] == "alice"
    await handle.result()


async def test_attempts_are_judged_in_the_order_in_which_they_came(stage_of: StageOf) -> None:
    """Also where the first one's token takes long to check."""
    host = ScriptedHost(gate=SIGNED.model_copy(update={"quorum": 2}))
    usual, slow = host.answers["check_token"], asyncio.Event()

    async def check(job: Any) -> Any:
        if job.token == "by:alice":
            await slow.wait()
        return usual(job)

    host.answers["check_token"] = check
    _, handle = await waiting(stage_of, host)
    for name in ("alice", "mallory", "bob"):
        await handle.signal("Approve", {"token": f"by:{name}"})
    await asyncio.sleep(0.3)
    slow.set()
    final = await handle.result()
    assert [a["approver"] for a in final["approvals"]] == ["alice", "mallory", "bob"]
    assert final["status"] == "succeeded"


async def test_a_signed_rejection_ends_the_run(stage_of: StageOf) -> None:
    """The token must be one for rejecting; the requester may reject."""
    stage, handle = await waiting(stage_of, ScriptedHost(gate=SIGNED))
    unsigned = await handle.execute_update("Reject", {"approver": "alice", "reason": "no"})
    assert unsigned["code"] == "signature_required"
    await handle.execute_update("Reject", {"token": "by:dave", "reason": "not tonight"})
    final = await handle.result()
    assert (final["status"], final["code"]) == ("rejected", "approval_rejected")
    assert stage.host.jobs["check_token"][0].act == "reject"


async def test_a_plan_that_changed_while_the_token_was_checked(stage_of: StageOf) -> None:
    """The answer is for the plan it was checked against, and that is not the one that waits."""
    host = ScriptedHost(gate=SIGNED)
    host.then("check_token", TokenChecked(approver="alice", plan_digest="0" * 64))
    _, handle = await waiting(stage_of, host)
    assert (await handle.execute_update("Approve", {"token": "by:alice"}))["code"] == "plan_digest_mismatch"
    await handle.terminate()


async def test_an_approval_lapses_while_a_second_one_is_awaited(stage_of: StageOf) -> None:
    """Quorum two, validity one minute: the first approval does not wait an hour for the second."""
    gate = GATE.model_copy(update={"quorum": 2, "validity_seconds": 60})
    stage, handle = await waiting(stage_of, ScriptedHost(gate=gate))
    digest = (await stage.record(handle)).plan.digest
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": digest})
    final = await handle.result()
    assert (final["status"], final["code"]) == ("rejected", "approval_expired")


async def test_an_approval_that_lapsed_before_the_first_write(stage_of: StageOf) -> None:
    """The patch step refuses, nothing was written: ``rejected``, not rolled back."""
    host = ScriptedHost(gate=GATE)
    host.then("patch", OrchestratorError("approval_expired", limit="its validity"))
    host.then(
        "rollback",
        ports.RollbackResult(outcome=RollbackOutcome(complete=True, nothing_written=True)),
    )
    stage, handle = await waiting(stage_of, host)
    digest = (await stage.record(handle)).plan.digest
    await handle.execute_update("Approve", {"approver": "alice", "plan_digest": digest})
    final = await handle.result()
    assert (final["status"], final["code"]) == ("rejected", "approval_expired")


async def test_a_warning_comes_before_the_time_is_over(stage_of: StageOf) -> None:
    """On the record and in memo, ten minutes before, or a quarter of a short limit."""
    _, handle = await waiting(stage_of, ScriptedHost(gate=GATE))
    final = await handle.result()
    assert (final["status"], final["code"]) == ("rejected", "approval_expired")
    assert "nobody has decided: the approval expires in 600 s" in final["warnings"]


async def test_a_pre_approved_request_needs_no_wait(stage_of: StageOf) -> None:
    """Its token is presented as the first attempt, once; it stays out of record and memo."""
    stage = await stage_of(ScriptedHost(gate=SIGNED))
    handle = await stage.start(requested_by="dave", approval_token="by:alice", patch="--- a\n+++ b\n")
    final = await handle.result()
    assert final["status"] == "succeeded"
    (job,) = stage.host.jobs["check_token"]
    assert job.pre_approved
    assert job.patch_sha256
    assert "by:alice" not in str(final)


async def test_a_refused_pre_approval_waits_like_any_other(stage_of: StageOf) -> None:
    """The refusal is on record; whoever may approve still can."""
    stage = await stage_of(ScriptedHost(gate=SIGNED))
    handle = await stage.start(requested_by="dave", approval_token="token_replayed:alice")
    record = await stage.until(handle, WAITING)
    for _ in range(1200):
        if record.approvals:
            break
        await asyncio.sleep(0.02)
        record = await stage.record(handle)
    assert [a.verdict for a in record.approvals] == [Verdict.REFUSED]
    await handle.signal("Approve", {"token": "by:alice"})
    assert (await handle.result())["status"] == "succeeded"


async def test_a_flood_of_tokens_is_bounded(stage_of: StageOf) -> None:
    """Two hundred are checked, the rest is refused without an activity; the run still ends (I4)."""
    stage, handle = await waiting(stage_of, ScriptedHost(gate=SIGNED))
    await asyncio.gather(
        *(handle.signal("Approve", {"token": f"token_expired:{number}"}) for number in range(230))
    )
    answer = await handle.execute_update("Approve", {"token": "by:alice"})
    assert answer["code"] == "too_many_attempts"
    assert stage.host.asked.count("check_token") == 200
    await handle.cancel()
