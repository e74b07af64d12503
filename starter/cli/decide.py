"""The commands that decide: approve, reject, cancel (SPEC User Story 3)."""

import sys
from typing import TYPE_CHECKING

import typer

from starter.cli.exit_codes import ExitCode
from starter.cli.keys import sign_for, signs_by_itself
from starter.cli.options import Approver, AsJson, Comment, KeyFile, Reason, RunName, Token, Yes
from starter.cli.session import Session, session_of
from starter.evidence import whole_diff
from starter.rendering.errors import remedy_of
from starter.rendering.plan import plan_view
from starter.rendering.style import plain
from starter.rendering.text import one_line
from workflows.errors import OrchestratorError
from workflows.models.approval import Approval, Verdict
from workflows.models.plan import ActionPlan
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus
from workflows.models.token import Act

if TYPE_CHECKING:
    from starter.client import OrchestratorClient


def approve(  # noqa: PLR0913 - a command's options are its parameters
    context: typer.Context,
    run: RunName,
    *,
    approver: Approver = None,
    comment: Comment = None,
    token: Token = None,
    key: KeyFile = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Approve the plan that waits.

    The plan is shown, and exactly that plan is approved; signed, where you have a key.
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            record, plan = await _waiting_plan(session, client, run)
            if not yes and not _agreed(session, plan, run):
                return ExitCode.NO_RUN
            signed = token
            if signed is None and signs_by_itself(session, key, approver):
                signed = sign_for(session, record, act=Act.APPROVE, key=key, approver=approver)
            answer = await client.approve(
                run,
                plan_digest=plan.digest,
                approver=approver or session.settings.identity,
                comment=comment,
                token=signed,
            )
        return _answered(session, answer, as_json)

    session.execute(work)


async def _waiting_plan(
    session: Session, client: "OrchestratorClient", run: str
) -> tuple[RunRecord, ActionPlan]:
    record = await client.get(run)
    if record.status.terminal:
        raise OrchestratorError("run_already_ended", run=record.run_id, status=record.status)
    if record.plan is None:
        raise OrchestratorError("no_plan_yet")
    if record.status is not RunStatus.AWAITING_APPROVAL:
        raise OrchestratorError("approval_not_needed")
    try:
        diff = (await whole_diff(record, session.files)).decode(errors="replace")
    except OrchestratorError as error:  # kept on another machine, and too large for the history
        diff = record.plan.diff
        session.note(plain(f"Only the beginning of the diff is shown: {one_line(error.message)}"))
    session.note(plan_view(record.plan, diff=diff))
    return record, record.plan


def _agreed(session: Session, plan: ActionPlan, run: str) -> bool:
    if not _stdin_is_a_terminal():
        command = f"mm-orchestrator approve {one_line(run)} --yes"
        session.note(plain(f"Not approved: without a terminal, say so: {command}"))
        return False
    question = f"Approve plan {one_line(plan.digest[:12])} for {one_line(plan.service)}?"
    try:
        agreed = typer.confirm(question, default=False, err=True)
    except typer.Abort:
        agreed = False
    if not agreed:
        session.note(plain("Not approved; the run goes on waiting."))
    return agreed


def _stdin_is_a_terminal() -> bool:
    return sys.stdin.isatty()


def reject(  # noqa: PLR0913 - a command's options are its parameters
    context: typer.Context,
    run: RunName,
    *,
    reason: Reason,
    approver: Approver = None,
    token: Token = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Reject the plan that waits.

    The run ends and nothing is written.
    """
    session = session_of(context)

    async def work() -> int:
        if not reason.strip():
            return session.fail(OrchestratorError("invalid_request", detail="reason: may not be empty"))
        async with session.client() as client:
            signed = token
            if signed is None and signs_by_itself(session, key, approver):
                record = await client.get(run)
                signed = sign_for(session, record, act=Act.REJECT, key=key, approver=approver)
            answer = await client.reject(
                run, reason=reason, approver=approver or session.settings.identity, token=signed
            )
        return _answered(session, answer, as_json)

    session.execute(work)


def _answered(session: Session, answer: Approval, as_json: bool) -> int:
    if as_json:
        session.json(answer)
    if answer.verdict is Verdict.REFUSED:
        code = answer.code or "approval_not_needed"
        session.refuse(code, answer.message or "The attempt was refused.", remedy_of(code))
        return ExitCode.FAILED
    if not as_json:
        plan = f"plan {one_line((answer.plan_digest or '?')[:12])}"
        session.answer(plain(f"{answer.verdict} {plan} by {one_line(answer.approver or '?')}"))
    return ExitCode.OK


def cancel(context: typer.Context, run: RunName) -> None:
    """Cancel a run.

    What it changed is put back before it ends.
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            await client.cancel(run)
        name = one_line(run)
        session.answer(
            plain(f"Cancelling run {name}; what it changed is put back first: mm-orchestrator watch {name}")
        )
        return ExitCode.OK

    session.execute(work)
