"""Many runs, newest first: a line each where there is room, else two (SPEC User Story 2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from starter.rendering.style import said, status
from starter.rendering.text import one_line, when
from workflows.models.record import RunRecord
from workflows.quantities import seconds

ONE_LINE_WIDTH = 120
"""Columns from which on a run fits a line."""


@dataclass(frozen=True)
class RunTable:
    """Run id, status, service, start, duration and instruction; the id is never cut."""

    records: Sequence[RunRecord]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose by the room there is."""
        if not self.records:
            yield Text('No runs yet. Start one: mm-orchestrator run SERVICE "INSTRUCTION"')
        elif options.max_width >= ONE_LINE_WIDTH:
            yield _table(self.records)
        else:
            yield from (_two_lines(record) for record in self.records)


def _table(records: Sequence[RunRecord]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("RUN", "STATUS"):
        table.add_column(name, no_wrap=True)
    table.add_column("SERVICE", overflow="fold")
    table.add_column("CREATED", no_wrap=True)
    table.add_column("TOOK", no_wrap=True, justify="right")
    table.add_column("INSTRUCTION", overflow="fold")
    for record in records:
        table.add_row(
            said(record.run_id),
            status(record.status),
            said(record.service or "-"),
            Text(when(record.created_at)),
            Text(_took(record)),
            said(record.instruction, limit=200),
        )
    return table


def _two_lines(record: RunRecord) -> Text:
    text = Text(overflow="fold")
    text.append_text(said(record.run_id)).append("  ").append_text(status(record.status))
    text.append(f"  {when(record.created_at)}  {_took(record)}")
    return text.append(f"\n    {one_line(record.service or '-')}: {one_line(record.instruction, 200)}")


def _took(record: RunRecord) -> str:
    if record.completed_at is None:
        return "-"
    return seconds((record.completed_at - record.created_at).total_seconds())
