"""``mm-orchestrator run``: one sentence in, one measured end out (SPEC User Story 1)."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.text import Text

from starter.cli.asking import build_request, read_patch, split_words
from starter.cli.exit_codes import ExitCode, outcome
from starter.cli.following import Progress, follow, showing_progress
from starter.cli.options import (
    ApprovalToken,
    AsJson,
    Detach,
    Local,
    MaxRounds,
    PatchFile,
    PlanOnly,
    Project,
    ProjectDir,
    RequestedBy,
    Words,
)
from starter.cli.session import Session, session_of
from starter.rendering.explain import explain_view
from starter.rendering.style import plain
from starter.rendering.text import one_line
from workflows.errors import OrchestratorError
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus, StepName, StepStatus

if TYPE_CHECKING:
    from starter.client import OrchestratorClient, RunHandle

DETACH_WAIT_SECONDS: Final = 60.0
"""How long ``--detach`` looks whether the run needs an approval before it leaves; analysis asks an index."""
_PAST_APPROVAL: Final = frozenset({StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY})
_LOCAL_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class HowToRun:
    """Where the run goes and how it is shown."""

    local: bool
    project_dir: Path | None
    detach: bool
    as_json: bool


def run(  # noqa: PLR0913 - a command's options are its parameters
    context: typer.Context,
    words: Words,
    *,
    project: Project = None,
    local: Local = False,
    project_dir: ProjectDir = None,
    plan_only: PlanOnly = False,
    patch: PatchFile = None,
    detach: Detach = False,
    as_json: AsJson = False,
    requested_by: RequestedBy = None,
    max_rounds: MaxRounds = None,
    approval_token: ApprovalToken = None,
) -> None:
    """Carry out one instruction on one service.

    The run proves that the service is healthy, or puts everything back as it was.
    """
    session = session_of(context)
    how = HowToRun(local=local, project_dir=project_dir, detach=detach, as_json=as_json)

    async def work() -> int:
        try:
            _check(how)
            service, instruction = split_words(words)
            request = build_request(
                instruction=instruction,
                service=service,
                project=project,
                requested_by=requested_by or session.settings.identity,
                plan_only=plan_only,
                patch=read_patch(patch),
                max_rounds=max_rounds,
                approval_token=approval_token,
            )
        except OrchestratorError as error:
            return session.fail(error, ExitCode.NO_RUN)
        return await _carry_out(session, request, how)

    session.execute(work)


def _check(how: HowToRun) -> None:
    if how.local and how.detach:
        detail = "--local and --detach exclude each other: a local run ends with this process"
        raise OrchestratorError("invalid_request", detail=detail)
    if how.project_dir is not None and not how.local:
        detail = "--project-dir needs --local; a running worker takes its projects from its policy"
        raise OrchestratorError("invalid_request", detail=detail)


async def _carry_out(session: Session, request: RunRequest, how: HowToRun) -> int:
    return await carry_out(session, how, lambda client: client.start(request))


async def carry_out(
    session: Session, how: HowToRun, start: Callable[["OrchestratorClient"], Awaitable["RunHandle"]]
) -> int:
    """Start a run and follow it, or leave it; every error is printed, the result is the exit code."""
    begun = False
    try:
        connecting = session.local_client(how.project_dir) if how.local else session.client()
        async with connecting as client:
            handle = await start(client)
            begun = True
            return await _begun(session, client, handle, how)
    except OrchestratorError as error:
        return session.fail(error, ExitCode.FAILED if begun else ExitCode.NO_RUN)


async def _begun(session: Session, client: "OrchestratorClient", handle: "RunHandle", how: HowToRun) -> int:
    if how.detach:
        return left(session, await _look_briefly(client, handle), handle, how)
    with showing_progress(session.err if how.as_json else session.out) as progress:
        progress.note(f"Run {handle.run_id}")
        interrupted = _rolling_back(client, handle, progress) if how.local else _detaching(progress, handle)
        signals = _LOCAL_SIGNALS if how.local else (signal.SIGINT,)
        record = await follow(client.watch(handle), progress.show, interrupted, signals)
    if record is not None and record.status.terminal:
        if how.as_json:
            session.json(record)
        else:
            session.answer(Text(), explain_view(record))
        return outcome(record.status)
    if how.local:
        return _abandoned(session, record, handle, how)
    return left(session, record or await client.get(handle), handle, how)


def _detaching(progress: Progress, handle: "RunHandle") -> Callable[[int], Awaitable[bool]]:
    async def leave(_: int) -> bool:
        progress.note(f"Left run {handle.run_id}; it goes on.")
        return True

    return leave


def _rolling_back(
    client: "OrchestratorClient", handle: "RunHandle", progress: Progress
) -> Callable[[int], Awaitable[bool]]:
    """First Ctrl-C cancels and waits, the second says what leaving would leave, the third leaves."""

    async def interrupted(count: int) -> bool:
        if count == 1:
            progress.note("Cancelling; what was changed is put back first. Please wait.")
            with suppress(OrchestratorError):  # it has just ended: the record will say how
                await client.cancel(handle)
        elif count == 2:
            progress.note(
                "The rollback is still under way. Leaving now would leave changed files, image or container "
                f"as they are; mm-orchestrator recover {handle.run_id} puts them back. Ctrl-C again leaves."
            )
        return count > 2

    return interrupted


async def _look_briefly(client: "OrchestratorClient", handle: "RunHandle") -> RunRecord:
    """The record once it is clear that the run waits, or waits for nobody; after a minute in any case."""
    seen: list[RunRecord] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(DETACH_WAIT_SECONDS):
            async for record in client.watch(handle):
                seen[:] = [record]
                if record.status in _WAITING or _past_approval(record):
                    break
    return seen[0] if seen else await client.get(handle)


_WAITING = frozenset({RunStatus.AWAITING_APPROVAL, RunStatus.QUEUED})


def _past_approval(record: RunRecord) -> bool:
    return record.status.terminal or any(
        step.name in _PAST_APPROVAL and step.status is not StepStatus.PENDING for step in record.steps
    )


def left(session: Session, record: RunRecord, handle: "RunHandle", how: HowToRun) -> int:
    """The run goes on without this command (or has ended already)."""
    lines = [
        f"Run       {handle.run_id}",
        f"Workflow  {one_line(handle.workflow_id)}",
        f"Status    {record.status}",
        f"Watch     mm-orchestrator watch {handle.run_id}",
    ]
    if record.status is RunStatus.AWAITING_APPROVAL:
        lines.append(f"Approve   mm-orchestrator approve {handle.run_id}")
    if not record.status.terminal:
        lines.append(f"Cancel    mm-orchestrator cancel {handle.run_id}")
    lines += [f"Warning   {one_line(warning)}" for warning in record.warnings]
    say = session.note if how.as_json else session.answer
    say(*(plain(line) for line in lines))
    if how.as_json:
        session.json(record)
    return outcome(record.status)


def _abandoned(session: Session, record: RunRecord | None, handle: "RunHandle", how: HowToRun) -> int:
    session.note(
        plain(
            f"Left before run {handle.run_id} had put everything back. "
            f"To put it back: mm-orchestrator recover {handle.run_id}"
        )
    )
    if how.as_json and record is not None:
        session.json(record)
    return ExitCode.FAILED
