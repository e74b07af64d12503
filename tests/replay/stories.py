"""Every kind of run, told once with a scripted host, so that its history can be saved and replayed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle

from tests.workflow.conftest import Stage
from tests.workflow.scripted_host import GATE, ScriptedHost, failing, finding
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.record import RollbackOutcome
from workflows.models.status import RunStatus, StepName

Handle = WorkflowHandle[Any, Any]
Tell = Callable[[Stage], Awaitable[Handle]]
_CRASHED = ports.VerifyResult(failure=failing("container_crashed", StepName.VERIFY))
_NOTHING_NEW = ports.AnalyzeResult(healthy=False, reason="no new cause")


async def _plain(stage: Stage) -> Handle:
    handle = await stage.start()
    await handle.result()
    return handle


async def _planned(stage: Stage) -> Handle:
    handle = await stage.start(plan_only=True)
    await handle.result()
    return handle


async def _approved(stage: Stage) -> Handle:
    handle = await stage.start(requested_by="dave")
    for approver in ("mallory", "alice"):
        plan = (await stage.until(handle, RunStatus.AWAITING_APPROVAL)).plan
        assert plan is not None
        attempt = {"approver": approver, "plan_digest": plan.digest}
        await handle.execute_update("Approve", attempt)
    await handle.result()
    return handle


async def _approved_by_token(stage: Stage) -> Handle:
    handle = await stage.start(requested_by="dave")
    await stage.until(handle, RunStatus.AWAITING_APPROVAL)
    for token in ("token_replayed:alice", "by:alice"):
        await handle.signal("Approve", {"token": token})
    await handle.result()
    return handle


async def _token_refused(stage: Stage) -> Handle:
    """The request's own token is refused, so is the next; then nobody decides."""
    handle = await stage.start(requested_by="dave", approval_token="token_replayed:alice")
    await stage.until(handle, RunStatus.AWAITING_APPROVAL)
    await handle.execute_update("Approve", {"token": "token_signature_invalid:bob"})
    await handle.result()
    return handle


async def _approved_twice(stage: Stage) -> Handle:
    handle = await stage.start(requested_by="dave")
    for revision in (1, 2):
        plan = (await stage.until(handle, RunStatus.AWAITING_APPROVAL, revision)).plan
        assert plan is not None
        await handle.signal("Approve", {"approver": "bob", "plan_digest": plan.digest})
    await handle.result()
    return handle


async def _rejected(stage: Stage) -> Handle:
    handle = await stage.start(requested_by="dave")
    await stage.until(handle, RunStatus.AWAITING_APPROVAL)
    await handle.execute_update("Reject", {"approver": "bob", "reason": "not now"})
    await handle.result()
    return handle


async def _expired(stage: Stage) -> Handle:
    handle = await stage.start(requested_by="dave")
    await handle.result()
    return handle


async def _cancelled(stage: Stage) -> Handle:
    begun = stage.host.hang("build")
    handle = await stage.start()
    await asyncio.wait_for(begun.wait(), 60)
    await handle.cancel()
    try:
        await handle.result()
    except WorkflowFailureError:
        return handle
    raise AssertionError("a cancelled run ended otherwise")


def _host(*answers: tuple[str, Any], protected: bool = False) -> ScriptedHost:
    host = ScriptedHost(gate=GATE if protected else None)
    for port, answer in answers:
        host.then(port, *(answer if isinstance(answer, list) else [answer]))
    return host


def _usual(port: str) -> Any:
    return ScriptedHost().answers[port]


_TWO_CAUSES = [_usual("analyze"), ports.AnalyzeResult(healthy=False, findings=(finding("libpq-dev"),))]
_INCOMPLETE = ports.RollbackResult(outcome=RollbackOutcome(complete=False, mismatches=("image",)))
_BUILD_FAILED = OrchestratorError("build_failed", service="api", detail="pg_config not found")


def _risky() -> ScriptedHost:
    """Unprotected, and every plan has a risk."""
    host = ScriptedHost(gate=GATE.model_copy(update={"protected": False}))
    usual = host.answers["plan"]
    host.answers["plan"] = lambda job: usual(job).model_copy(update={"risks": ("llm: proposed by a model",)})
    return host


STORIES: dict[str, tuple[Callable[[], ScriptedHost], Tell]] = {
    "succeeded": (_host, _plain),
    "nothing_to_repair": (
        lambda: _host(("analyze", ports.AnalyzeResult(healthy=True, reason="healthy"))),
        _plain,
    ),
    "no_safe_fix": (lambda: _host(("analyze", _NOTHING_NEW)), _plain),
    "preflight_failed": (
        lambda: _host(("preflight", OrchestratorError("docker_unavailable", detail="refused"))),
        _plain,
    ),
    "planned": (_host, _planned),
    "two_rounds": (lambda: _host(("build", _BUILD_FAILED), ("analyze", list(_TWO_CAUSES))), _plain),
    "rolled_back": (
        lambda: _host(("verify", _CRASHED), ("analyze", [_usual("analyze"), _NOTHING_NEW])),
        _plain,
    ),
    "rollback_incomplete": (
        lambda: _host(("patch", OrchestratorError("foreign_change", path="x")), ("rollback", _INCOMPLETE)),
        _plain,
    ),
    "approved": (lambda: _host(protected=True), _approved),
    "approved_after_drift": (
        lambda: _host(("revalidate", ports.RevalidateResult(drift=("x changed",))), protected=True),
        _approved_twice,
    ),
    "approved_again_in_round_two": (
        lambda: _host(("verify", _CRASHED), ("analyze", list(_TWO_CAUSES)), protected=True),
        _approved_twice,
    ),
    "approved_by_token": (lambda: _host(protected=True), _approved_by_token),
    "approved_for_a_risk": (_risky, _approved),
    "token_refused": (lambda: _host(protected=True), _token_refused),
    "rejected": (lambda: _host(protected=True), _rejected),
    "approval_expired": (lambda: _host(protected=True), _expired),
    "told_of_the_wait": (
        lambda: ScriptedHost(gate=GATE.model_copy(update={"announced": True})),
        _expired,
    ),
    "cancelled_in_build": (_host, _cancelled),
}
