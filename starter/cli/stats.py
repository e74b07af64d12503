"""``mm-orchestrator stats`` and ``report-manual``: the success criteria over a period (SC-001 to SC-004)."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from starter.cli.exit_codes import ExitCode
from starter.cli.options import AsJson
from starter.cli.session import Session, session_of
from starter.durations import duration
from starter.masking import mask
from starter.rendering.statistics import statistics_view
from starter.rendering.statistics_html import statistics_page
from starter.rendering.style import plain
from starter.rendering.text import one_line
from starter.statistics.baseline import Baseline, read_baseline
from starter.statistics.compute import Period, statistics_of
from starter.statistics.manual import (
    PERIOD,
    ManualReport,
    append_report,
    commands_by_month,
    read_reports,
)
from workflows.errors import OrchestratorError

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="30d ago, or a date: 2026-11-01 (UTC).")]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="As --since; default: now.", show_default=False)
]
OfProject = Annotated[
    str | None, typer.Option("--project", metavar="NAME", help="Only this Compose project's runs.")
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", dir_okay=False, help="Write one page with plots there."),
]
BaselineFile = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="FILE", dir_okay=False, help="What recoveries took by hand before."),
]
Commands = Annotated[
    int, typer.Argument(metavar="N", min=0, max=1_000_000, help="Commands typed by hand.", show_default=False)
]
InMonth = Annotated[
    str | None,
    typer.Option("--period", metavar="MONTH", help="2026-11; default: this month.", show_default=False),
]
Note = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="Kept beside the count.", show_default=False)
]


def stats(  # noqa: PLR0913 - a command's options are its parameters
    context: typer.Context,
    *,
    since: Since = "30d",
    until: Until = None,
    project: OfProject = None,
    baseline: BaselineFile = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Show the success criteria and rates over a period.

    From Temporal's list of runs and the stored reports; what was not measured says 'no data'.
    """
    session = session_of(context)
    now = datetime.now(UTC)
    period = _period(since, until, project, now)

    async def work() -> int:
        before = read_baseline(baseline) if baseline is not None else None
        await _show(session, period, now, before, html, as_json=as_json)
        return ExitCode.OK

    session.execute(work)


async def _show(
    session: Session,
    period: Period,
    now: datetime,
    before: Baseline | None,
    html: Path | None,
    *,
    as_json: bool,
) -> None:
    async with session.client() as client:
        gathered = await client.gather(period)
    reported = commands_by_month(read_reports(session.settings.state_dir))
    numbers = statistics_of(gathered, period, now, reported, before)
    if html is not None:
        await asyncio.to_thread(_write, html, statistics_page(numbers))
        session.note(plain(f"Written: {one_line(str(html))}"))
    if as_json:
        session.json(numbers)
    else:
        session.answer(statistics_view(numbers))


def _period(since: str, until: str | None, project: str | None, now: datetime) -> Period:
    begin = _instant(since, now, "--since")
    end = _instant(until, now, "--until") if until is not None else now
    if begin >= end:
        raise typer.BadParameter("it must be before --until", param_hint="--since")
    return Period(begin, end, project)


def _instant(text: str, now: datetime, option: str) -> datetime:
    try:
        return now - duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        detail = f"{text!r} is neither a duration (30d, 12h) nor a date (2026-11-01)"
        raise typer.BadParameter(detail, param_hint=option) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OrchestratorError("write_failed", detail=str(error)) from None


def report_manual(
    context: typer.Context, commands: Commands, *, period: InMonth = None, note: Note = ""
) -> None:
    """Record how many commands you typed by hand in a month, beside the orchestrator.

    Of your reports for a month the last one counts; those of several people add up.
    """
    session = session_of(context)
    now = datetime.now(UTC)
    month = period or f"{now:%Y-%m}"
    if not re.fullmatch(PERIOD, month):
        raise typer.BadParameter(f"{month!r} is no month (2026-11)", param_hint="--period")

    async def work() -> int:
        who = session.settings.identity
        report = ManualReport(at=now, by=who, period=month, commands=commands, note=mask(note))
        path = await asyncio.to_thread(append_report, session.settings.state_dir, report)
        said = f"{commands} commands by hand in {month}, reported by {one_line(who)}"
        session.answer(plain(f"{said}: {one_line(str(path))}"))
        return ExitCode.OK

    session.execute(work)
