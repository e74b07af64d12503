"""How a wait for signatures ends: host down, cancelled, decided meanwhile; and what is kept (I2, I4, I5)."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from temporalio.client import WorkflowFailureError

from tests.workflow.scripted_host import ScriptedHost, finding
from tests.workflow.test_signed_approval import SIGNED, WAITING, StageOf, waiting
from workflows import ports
from workflows.models.approval import Verdict
from workflows.models.status import RunStatus


async def history_of(handle: Any) -> str:
    """Everything that Temporal keeps of a run, payloads decoded."""
    raw = json.loads((await handle.fetch_history()).to_json())
    return json.dumps(_decoded(raw))


def _decoded(node: Any) -> Any:
    import base64  # noqa: PLC0415

    if isinstance(node, dict):
        told = {key: _decoded(value) for key, value in node.items()}
        if isinstance(node.get("data"), str):
            told["data"] = base64.b64decode(node["data"]).decode(errors="replace")
        return told
    return [_decoded(part) for part in node] if isinstance(node, list) else node


async def test_a_token_goes_to_the_check_alone(stage_of: StageOf) -> None:
    """Beside the client's own input it stands in one activity's input: not with preflight, nor anywhere."""
    stage = await stage_of(ScriptedHost(gate=SIGNED))
    handle = await stage.start(requested_by="dave", approval_token="by:alice")
    assert (await handle.result())["status"] == "succeeded"
    assert stage.host.jobs["preflight"][0].request.approval_token is None
    assert (await history_of(handle)).count("by:alice") == 2
    assert "by:alice" not in str(await (await handle.describe()).memo())


async def test_the_warning_is_seen_without_asking(stage_of: StageOf) -> None:
    """It is in the memo, which needs no worker, while the run still waits."""
    _, handle = await waiting(stage_of, ScriptedHost(gate=SIGNED))
    await handle.result()
    history = await history_of(handle)
    memo = history.index("nobody has decided, expires")
    assert memo < history.index("approval_expired")


async def test_a_host_that_is_down_does_not_hold_up_a_cancelled_run(stage_of: StageOf) -> None:
    """The check of a token is given up with the wait; the attempt is on record, and in approval.json."""
    host = ScriptedHost(gate=SIGNED)
    begun = host.hang("check_token")
    stage, handle = await waiting(stage_of, host)
    await handle.signal("Approve", {"token": "by:alice"})
    await asyncio.wait_for(begun.wait(), 60)
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), 30)
    record = await stage.record(handle)
    assert record.status is RunStatus.CANCELLED
    assert [a.verdict for a in record.approvals] == [Verdict.REFUSED]
    assert not record.approvals[0].signed
    assert "patch" not in host.calls


async def test_refusals_of_a_cancelled_wait_are_kept(stage_of: StageOf) -> None:
    """Also where no gate ever closed: the last approval.json has every attempt."""
    stage, handle = await waiting(stage_of, ScriptedHost(gate=SIGNED))
    await handle.execute_update("Approve", {"token": "token_expired:alice"})
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await handle.result()
    (kept,) = stage.host.jobs["record_approvals"]
    assert [a.code for a in kept.approvals] == ["token_expired"]
    assert kept.gate == SIGNED
    assert "approval.json" in {a.name for a in (await stage.record(handle)).artifacts}


async def test_attempts_after_the_gate_are_kept_too(stage_of: StageOf) -> None:
    """Somebody approves what is being built already: refused, in the record and in approval.json."""
    host = ScriptedHost(gate=SIGNED)
    begun, done, usual = asyncio.Event(), asyncio.Event(), host.answers["build"]

    async def build(job: Any) -> Any:
        begun.set()
        await done.wait()
        return usual(job)

    host.answers["build"] = build
    _, handle = await waiting(stage_of, host)
    await handle.signal("Approve", {"token": "by:alice"})
    await asyncio.wait_for(begun.wait(), 60)
    late = await handle.execute_update("Approve", {"token": "by:bob"})
    assert late["code"] == "approval_not_needed"
    done.set()
    final = await handle.result()
    assert final["status"] == "succeeded"
    kept = [[a.verdict for a in job.approvals] for job in host.jobs["record_approvals"]]
    assert kept == [[Verdict.APPROVED], [Verdict.APPROVED, Verdict.REFUSED]]
    assert host.asked.count("check_token") == 1


async def test_an_approval_of_one_revision_is_none_of_the_next(stage_of: StageOf) -> None:
    """The plan was made anew while the token was checked: not even the same plan passes on an old check."""
    host = ScriptedHost(gate=SIGNED)
    host.then("revalidate", ports.RevalidateResult(drift=("x changed",)))
    host.then("analyze", *[ports.AnalyzeResult(healthy=False, findings=(finding(),))] * 2)
    usual, slow, never = host.answers["check_token"], asyncio.Event(), asyncio.Event()

    async def check(job: Any) -> Any:
        await (slow if job.token == "by:bob" else never).wait()
        return usual(job)

    host.answers["check_token"] = check
    stage, handle = await waiting(stage_of, host)
    for who in ("bob", "alice"):
        await handle.signal("Approve", {"token": f"by:{who}"})
    await asyncio.sleep(0.3)
    slow.set()
    record = await stage.until(handle, WAITING, revision=2)
    for _ in range(2400):
        if len(record.approvals) == 2:
            break
        await asyncio.sleep(0.02)
        record = await stage.record(handle)
    assert record.status is WAITING
    assert [a.verdict for a in record.approvals] == [Verdict.APPROVED, Verdict.REFUSED]
    assert "patch" not in host.calls
    never.set()
    host.answers["check_token"] = usual
    await handle.signal("Approve", {"token": "by:alice"})
    final = await handle.result()
    assert [a["plan_revision"] for a in final["approvals"] if a["signed"]] == [1, 2]
