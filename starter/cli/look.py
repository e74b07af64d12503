"""The commands that only look: list, show, explain, watch, plan."""

import asyncio
from datetime import UTC, datetime

import typer
from rich.text import Text

from starter.cli.exit_codes import ExitCode, outcome
from starter.cli.following import follow, showing_progress
from starter.cli.options import AsJson, Limit, RunName
from starter.cli.session import Session, session_of
from starter.rendering.explain import explain_view
from starter.rendering.plan import plan_view
from starter.rendering.record import record_view
from starter.rendering.runs import RunTable
from starter.rendering.style import plain
from starter.rendering.text import one_line


def list_runs(context: typer.Context, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List runs, newest first."""
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            records = await client.list(limit)
        if as_json:
            session.json(records)
        else:
            session.answer(RunTable(records))
        return ExitCode.OK

    session.execute(work)


def show(context: typer.Context, run: RunName, as_json: AsJson = False) -> None:
    """Show everything known about a run."""
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            record = await client.get(run)
        if as_json:
            session.json(record)
        else:
            session.answer(record_view(record, datetime.now(UTC)))
        return ExitCode.OK

    session.execute(work)


def explain(context: typer.Context, run: RunName) -> None:
    """Explain a run on one screen.

    What happened, what state is left, what to type, what will not be undone, where the evidence is.
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            record = await client.get(run)
        now = await asyncio.to_thread(session.files.states, record.artifacts, record.run_id)
        session.answer(explain_view(record.model_copy(update={"artifacts": now})))
        return ExitCode.OK

    session.execute(work)


def watch(context: typer.Context, run: RunName, as_json: AsJson = False) -> None:
    """Follow a run until it ends.

    The exit code tells how it ended. Ctrl-C stops watching, not the run.
    """
    session = session_of(context)
    session.execute(lambda: _watch(session, run, as_json))


async def _watch(session: Session, run: str, as_json: bool) -> int:
    async def stop(_: int) -> bool:
        return True

    async with session.client() as client:
        with showing_progress(session.err if as_json else session.out) as progress:
            record = await follow(client.watch(run), progress.show, stop)
    if record is None:
        return ExitCode.INTERRUPTED
    if as_json:
        session.json(record)
    elif record.status.terminal:
        session.answer(Text(), explain_view(record))
    else:
        session.note(plain(f"The run goes on: mm-orchestrator watch {one_line(run)}"))
    return outcome(record.status)


def plan(context: typer.Context, run: RunName, as_json: AsJson = False) -> None:
    """Show a run's plan.

    Its steps, evidence, diff and the digest that an approval names.
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            current = await client.plan(run)
        if as_json:
            session.json(current)
        else:
            session.answer(plan_view(current))
        return ExitCode.OK

    session.execute(work)
