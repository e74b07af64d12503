"""The steps of a run: as a table, as a live view, and as one line per change (SPEC FR-010)."""

from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from starter.rendering.style import STEP_STYLE, SYMBOL, said, status
from starter.rendering.text import clock, one_line, step_label, took
from workflows.models.record import RunRecord, StepRecord
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.quantities import seconds

_SHOWN_WARNINGS = 3
_ONCE = (StepName.PREFLIGHT, StepName.ROLLBACK, StepName.REPORT)


def step_table(steps: tuple[StepRecord, ...], now: datetime | None = None) -> Table:
    """One row per step: symbol, name, status, duration, message."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(ratio=1, overflow="fold")
    for step in steps:
        style = STEP_STYLE[step.status]
        spent = took(step, now)
        table.add_row(
            Text(SYMBOL[step.status], style=style),
            Text(step_label(step), style=style),
            Text(step.status, style=style),
            Text(seconds(spent) if spent is not None and step.status is not StepStatus.SKIPPED else ""),
            said(step.message, style="dim" if step.status is StepStatus.SKIPPED else ""),
        )
    return table


def progress(record: RunRecord, now: datetime) -> RenderableType:
    """The live view: where the run stands; earlier rounds shrink to a line each, so that it fits a screen."""
    title = Text.assemble(
        status(record.status),
        "  ",
        said(f"{record.service or '?'}: {record.instruction}", limit=100),
        style="",
    )
    last = max((step.round for step in record.steps), default=1)
    shown = tuple(step for step in record.steps if step.name in _ONCE or step.round == last)
    parts: list[RenderableType] = [title]
    parts += [_earlier(record, number) for number in range(1, last)]
    parts.append(step_table(shown, now))
    parts += [said(f"warning: {warning}", style="yellow") for warning in record.warnings[-_SHOWN_WARNINGS:]]
    if record.status is RunStatus.AWAITING_APPROVAL:
        parts += [Text(line) for line in waiting_lines(record)]  # wider than the screen would break Live
    return Group(*parts)


def _earlier(record: RunRecord, number: int) -> Text:
    steps = [step for step in record.steps if step.round == number and step.name not in _ONCE]
    failed = next((step for step in steps if step.status is StepStatus.FAILED), None)
    if failed is None:
        return Text(f"round {number}: done", style="dim")
    return Text(f"round {number}: {failed.name} failed: {one_line(failed.message, 90)}", style="dim")


def waiting_lines(record: RunRecord) -> tuple[str, ...]:
    """What an approval wait waits for, and what to type in another terminal (SPEC FR-009)."""
    digest = record.plan.digest[:12] if record.plan else "?"
    until = f" until {clock(record.approval_deadline)}" if record.approval_deadline else ""
    run = record.run_id
    return (
        f"Plan {digest} for {one_line(record.service or '?')} waits for an approval{until}.",
        f"In another terminal:  mm-orchestrator approve {run}",
        f"              or:     mm-orchestrator reject {run} --reason TEXT",
    )


def changes(old: RunRecord | None, new: RunRecord) -> tuple[str, ...]:
    """One line per step whose state or message changed since ``old``, in the order of the steps."""
    before = {(step.name, step.round): step for step in old.steps} if old else {}
    lines = [_line(step) for step in new.steps if _tells(step, before.get((step.name, step.round)), new)]
    fresh = [w for w in new.warnings if old is None or w not in old.warnings]
    lines += [f"          warning         {one_line(warning)}" for warning in fresh]
    waits = new.status is RunStatus.AWAITING_APPROVAL
    if waits and (old is None or old.status is not RunStatus.AWAITING_APPROVAL):
        lines += waiting_lines(new)
    return tuple(lines)


def _tells(step: StepRecord, before: StepRecord | None, record: RunRecord) -> bool:
    if step.status is StepStatus.PENDING:
        return False
    if step.status is StepStatus.SKIPPED and record.status.terminal:
        return False  # never reached: the step that failed has said so
    return before is None or (before.status, before.message) != (step.status, step.message)


def _line(step: StepRecord) -> str:
    instant = step.completed_at or step.started_at
    stamp = clock(instant) if instant else " " * 9
    spent = took(step) if step.completed_at and step.status is not StepStatus.SKIPPED else None
    duration = f" ({seconds(spent)})" if spent is not None else ""
    message = one_line(step.message)
    return f"{stamp} {step_label(step):<12} {step.status:<11} {message}{duration}".rstrip()
